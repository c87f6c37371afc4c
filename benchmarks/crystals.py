"""What the crystal benchmarks share: arguments, runs with property models, and conditioning."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pymatgen.core import Structure
from tensordict import TensorDict

from physgan.equip import calibrate_oracle, fit_run_predictor, keep_fingerprints
from physgan.predictors.options import PredictorOptions
from physgan.run import Run
from runs import trained

SAMPLES_PER_REQUEST = 32
SETTLE = 0.15
"""Time for prior and resampler after training, as a share of the training time."""


def arguments(about: str, name: str, n: int) -> argparse.Namespace:
    """--data, --work, --run and --n of the benchmark on data set ``name``; leaves without data."""
    default = os.environ.get("PHYSGAN_DATA")
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument(
        "--data", type=Path, default=Path(default) / "crystal" / name if default else None
    )
    parser.add_argument("--work", type=Path, default=Path("runs") / name.replace("_", ""))
    parser.add_argument("--run", type=Path, help="a trained VAE-GAN")
    parser.add_argument("--vae", type=Path, help="a trained VAE without critic")
    parser.add_argument("--n", type=int, default=n)
    options = parser.parse_args()
    if options.data is None or not options.data.exists():
        sys.exit(f"give --data, the folder with the {name} splits, or set PHYSGAN_DATA")
    return options


def equipped(
    folder: Path,
    config: Path,
    data: Path,
    *,
    core: dict[str, Any] | None = None,
    steps: int | None = None,
    predictor: PredictorOptions | None = None,
) -> Run:
    """``runs.trained`` with a settled prior and, where ``predictor`` says how, a property model."""
    run = trained(folder, config, data, core=core, steps=steps, settling=SETTLE)
    if predictor is not None and not (folder / "predictor").exists():
        run = Run.resume(folder)
        fit_run_predictor(run, predictor)
        calibrate_oracle(run)
        keep_fingerprints(run)
        return Run.open(folder)
    return run


def timed_samples(run: Run, n: int, seed: int) -> tuple[list[Structure | None], float, float]:
    """``n`` raw crystals, seconds to sample them, and seconds to build their structures."""
    run.sample(64, seed=seed)
    start = time.perf_counter()
    x = run.sample(n, seed=seed)
    middle = time.perf_counter()
    structures = run.domain.decode(x)
    return structures, middle - start, time.perf_counter() - middle


def requested(
    run: Run, name: str, asked: torch.Tensor, seed: int, each: int = SAMPLES_PER_REQUEST
) -> dict[str, Any]:
    """For every value in ``asked (n,)``: ``each`` crystals drawn for it, the best by the
    predictor kept. Returns the kept x, its predictions, and the predictions of the first draws.
    """
    predictor = run.predictor()
    if predictor is None:
        raise SystemExit("this run has no predictor")
    column = predictor.names.index(name)
    wanted = asked.repeat_interleave(each)
    condition = run.schema({name: wanted})
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        x = torch.cat([run.core.sample(c, TensorDict({}, [len(c)])) for c in condition.split(1000)])
    said = predictor.predict(x).mean[:, column].view(-1, each)  # type: ignore[arg-type]
    best = (said - asked.unsqueeze(1)).abs().argmin(dim=1)
    rows = torch.arange(len(asked)) * each + best
    return {
        "x": x[rows],
        "predicted": said.gather(1, best.unsqueeze(1))[:, 0],
        "first": said[:, 0],
        "all": said,
    }


def held_out_labels(
    samples: Sequence[Structure | None], held: Sequence[Structure], values: np.ndarray
) -> np.ndarray:
    """The measured value ``(n,)`` of the held-out crystal that each sample matches, else NaN.

    Matching is pymatgen's StructureMatcher at its defaults; of several matches the nearest.
    """
    from pymatgen.analysis.structure_matcher import StructureMatcher

    matcher = StructureMatcher()
    shelves: dict[str, list[int]] = {}
    for row, structure in enumerate(held):
        shelves.setdefault(structure.composition.reduced_formula, []).append(row)
    out = np.full(len(samples), np.nan)
    for place, sample in enumerate(samples):
        if sample is None:
            continue
        near: list[tuple[float, int]] = []
        for row in shelves.get(sample.composition.reduced_formula, []):
            found = matcher.get_rms_dist(sample, held[row])
            if found is not None:
                near.append((found[0], row))
        if near:
            out[place] = values[min(near)[1]]
    return out
