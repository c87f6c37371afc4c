"""What a trained run needs before it can answer: a calibrated predictor and a calibrated oracle."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import numpy as np

from physgan.domain import Domain
from physgan.errors import InputError
from physgan.predictors import Predictor, fit_predictor
from physgan.predictors.fit import check_rows, predicted_properties
from physgan.predictors.options import PredictorOptions
from physgan.predictors.storage import save_predictor
from physgan.run import MODEL, PREDICTOR, Run
from physgan.training.checkpoint import model_bytes, read_model
from physgan.training.ema import PREFIX, split_average
from physgan.training.files import write_atomic
from physgan.training.folder import FINGERPRINTS

MOST_FINGERPRINTS = 20_000
SETTLED = "settled.json"


def check_predictable(run: Run, options: PredictorOptions) -> None:
    """Raise InputError where ``run`` has too few rows for the predictor that it would get."""
    properties = predicted_properties(run.domain, run.schema)
    if run.data is not None and properties:
        check_rows(properties, run.data["train"].batch, run.data["val"].batch, options.seed)


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


def settle(run: Run, minutes: float) -> dict[str, float]:
    """Let the core learn what it can only learn once training is over, and keep its weights.

    For a VAE that is the prior, on encodings at rest. Returns the core's figures, empty where
    there was nothing to do.
    """
    if run.data is None:
        raise InputError("this run was opened without its data", fix="use Run.resume")
    run.load_weights()
    parts = (run.data["train"].batch, run.data["val"].batch)
    figures = run.core.settle(*parts, seconds=60 * minutes)
    if figures:
        path = run.folder / MODEL
        tensors, meta = read_model(path)
        state = run.core.state_dict()
        _, averaged = split_average(tensors)
        tensors |= state
        tensors |= {PREFIX + name: state[name] for name in averaged}
        write_atomic(path, model_bytes(tensors, meta["identity"], meta["step"]))
        record = json.dumps({**figures, "minutes": minutes})
        write_atomic(run.folder / SETTLED, record.encode())
    return figures


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


def keep_fingerprints(run: Run) -> int:
    """Store the training samples' fingerprints, so that each candidate can say how far it is
    from the nearest; returns how many were stored, 0 where the domain has none."""
    if run.data is None:
        return 0
    x = run.data["train"].batch["x"][:MOST_FINGERPRINTS]
    try:
        found = np.asarray(run.domain.fingerprint(run.domain.decode(x)), dtype=np.float16)
    except InputError:
        return 0
    content = io.BytesIO()
    np.save(content, found[np.isfinite(found).all(axis=1)], allow_pickle=False)
    write_atomic(run.folder / FINGERPRINTS, content.getvalue())
    return len(found)


def options_for(domain: Domain, minutes: float, **changes: Any) -> PredictorOptions:
    """An ensemble as ``domain`` recommends it, with ``changes`` (``robust=0.05``), trained within
    ``minutes``."""
    advice = domain.recommended().get("predictor", {})
    return replace(PredictorOptions(), **{**advice, **changes}, time_limit=60 * minutes)
