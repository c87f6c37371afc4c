"""The standard benchmark on the framework's terms: a run's predictor, rows to a file."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from physgan.training.files import write_atomic

if TYPE_CHECKING:
    from pymatgen.core import Structure
    from torch import Tensor

    from physgan.predictors import Predictor
    from physgan.run import Run
    from physgan_crystal.domain import CrystalDomain


def property_model(
    domain: CrystalDomain, predictor: Predictor, name: str
) -> Callable[[list[Structure]], np.ndarray]:
    """``structures -> values (n,)`` of property ``name``; NaN where a crystal fits no template."""
    column = predictor.names.index(name)

    def predict(structures: list[Structure]) -> np.ndarray:
        out = np.full(len(structures), np.nan)
        x, kept = domain.encode(structures)
        if kept:
            out[kept] = predictor.predict(x).mean[:, column].cpu().numpy()
        return out

    return predict


def evaluate_crystals(
    domain: CrystalDomain,
    samples: Sequence[Structure | None],
    reference: Sequence[Structure],
    *,
    train: Sequence[Structure] | None = None,
    run: Run | None = None,
    asked: Mapping[str, Tensor] | None = None,
    rows: Path | None = None,
    energy: str | None = None,
    dataset: str | None = None,
    seed: int = 0,
    processes: int = 2,
    cache: Path | None = None,
    novelty: bool = True,
    draws: int = 100,
    size: int = 1000,
    progress: bool = True,
) -> dict[str, Any]:
    """The benchmark of ``metrics.benchmark.evaluate`` with ``run``'s predictor as property model.

    ``energy`` names the property of ``wdist_energy`` (default: the run's first predicted one);
    without a run it is left out. ``dataset`` chooses the coverage cutoffs (default: perov_5 for a
    single template, else mp_20); ``processes``, ``cache``, ``novelty``, ``draws``, ``size`` and
    ``progress`` are ``metrics.benchmark.evaluate``'s. ``rows`` is a CSV file for one line per
    sample. The metrics do not read what was ``asked``.
    """
    from physgan_crystal.metrics.benchmark import evaluate

    model = None
    predictor = run.predictor() if run is not None else None
    if run is not None and predictor is not None:
        model = property_model(run.domain, predictor, energy or predictor.names[0])  # type: ignore[arg-type]
    if dataset is None:
        dataset = "perov_5" if len(domain.library) == 1 else "mp_20"
    found = evaluate(
        samples, reference, dataset=dataset, property_model=model, train=train, seed=seed,
        processes=processes, cache=cache, novelty=novelty, draws=draws, size=size,
        progress=progress,
    )  # fmt: skip
    if rows is not None:
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(found.rows[0]))
        writer.writeheader()
        writer.writerows(found.rows)
        write_atomic(rows, text.getvalue().encode())
    return {**found.summary, "dataset": dataset}
