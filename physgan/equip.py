"""What a trained run needs before it can answer: a calibrated predictor and a calibrated oracle."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from physgan.errors import InputError
from physgan.predictors import Predictor, fit_predictor
from physgan.predictors.fit import predicted_properties
from physgan.predictors.options import PredictorOptions
from physgan.predictors.storage import save_predictor
from physgan.run import PREDICTOR, Run


def fit_run_predictor(run: Run, options: PredictorOptions) -> Predictor | None:
    """Train and calibrate the property predictor of ``run`` and keep it in its folder.

    Members see the training rows, intervals the validation rows. None where every property is
    exact. Raises InputError for a run that was opened without its data.
    """
    if run.data is None:
        raise InputError("this run was opened without its data", fix="use Run.resume")
    if not predicted_properties(run.domain, run.schema):
        return None
    train, held = run.data["train"].batch, run.data["val"].batch
    predictor = fit_predictor(run.domain, run.schema, train, held, options)
    save_predictor(predictor, run.folder / PREDICTOR)
    return predictor


def calibrate_oracle(run: Run) -> dict[str, dict[str, Any]]:
    """Let the domain relate its oracle's figures to the run's properties, on training rows.

    Uses the hook ``calibrate(data, names) -> report by property`` of the domain, where it has
    one, and keeps the result with the run.
    """
    hook = getattr(run.domain, "calibrate", None)
    if hook is None or run.data is None:
        return {}
    names = [prop.name for prop in predicted_properties(run.domain, run.schema)]
    report = hook(run.data["train"], names)
    run.save_domain()
    return report


def options_for(minutes: float, show_progress: bool = False) -> PredictorOptions:
    """An ensemble that is trained within ``minutes``."""
    return replace(PredictorOptions(), time_limit=60 * minutes, show_progress=show_progress)
