"""Training sequences from the reference solver: what a run is, how it is made and kept."""

from __future__ import annotations

import hashlib
import io
import json
import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from physgan.training.files import write_atomic
from physgan_foam.solver.trajectory import Frame, Trajectory, load

VERSION = 2
"""Of the solver's results; another number makes old runs stale."""
INTERVALS = (0.2, 0.15, 0.25)
"""Mean areas of tau between frames, by seed in turn: a model learns to be asked for a length."""


@dataclass(frozen=True)
class Run:
    """One sequence: ``frames`` frames, ``interval`` mean areas of tau apart, in a box of ``size``
    px on ``size`` pixels a side. The first ``skip`` frames are left out: a Voronoi foam forgets
    where it came from once its bubbles are seven times fewer."""

    seed: int
    beta: float
    bubbles: int
    size: int
    frames: int
    interval: float
    skip: int = 0

    def path(self, work: Path) -> Path:
        text = json.dumps([VERSION, asdict(self)], sort_keys=True)
        return work / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.npz"


def make(run: Run, work: Path) -> float:
    """Compute ``run`` into ``work`` unless it is there; returns the seconds that took."""
    from physgan_foam.solver.front_tracking import FrontTracking, Options
    from physgan_foam.solver.initial import voronoi

    path = run.path(work)
    if path.exists():
        return 0.0
    begun = time.perf_counter()
    films = voronoi(run.bubbles, (run.size, run.size), run.seed)
    FrontTracking(Options(beta=run.beta)).run(
        films, interval=run.interval, frames=run.skip + run.frames, relative=True
    ).save(path)
    return time.perf_counter() - begun


def make_all(runs: Sequence[Run], work: Path, processes: int = 1) -> list[float]:
    """``make`` for each run, in as many processes."""
    work.mkdir(parents=True, exist_ok=True)
    if processes == 1:
        return [make(run, work) for run in runs]
    # forked children would inherit the threads of torch, which they cannot use
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        return list(pool.map(make, runs, [work] * len(runs)))


def gather(runs: Sequence[Run], trajectories: Sequence[Trajectory]) -> dict[str, Any]:
    """Arrays of all runs, R by T; bubbles keep their column, NaN (sides: 0) once they are gone."""
    size, bubbles = runs[0].size, max(run.bubbles for run in runs)
    shape = len(runs), runs[0].frames
    area = np.full((*shape, bubbles), np.nan, np.float32)
    mean_sides = np.full((*shape, bubbles), np.nan, np.float32)
    sides = np.zeros((*shape, bubbles), np.int8)
    labels = np.empty((*shape, 1, size, size), np.int32)
    tau = np.empty(shape)
    for r, (run, trajectory) in enumerate(zip(runs, trajectories, strict=True)):
        frames: list[Frame] = list(trajectory.frames[run.skip :])
        kept = Trajectory(trajectory.shape, trajectory.beta, frames)
        labels[r, :, 0] = kept.labels((size, size))
        tau[r] = kept.tau
        for t, frame in enumerate(frames):
            area[r, t, frame.ident] = frame.area
            sides[r, t, frame.ident] = frame.sides
            mean_sides[r, t, frame.ident] = frame.mean_sides
    return {
        "labels": labels,
        "tau": tau,
        "beta": np.array([run.beta for run in runs]),
        "seed": np.array([run.seed for run in runs]),
        "split": np.array([split(run) for run in runs]),
        "area": area,
        "sides": sides,
        "mean_sides": mean_sides,
    }


def split(run: Run) -> str:
    """Seeds 0 to 7 of every ten train, 8 validates, 9 tests."""
    return {8: "validation", 9: "test"}.get(run.seed % 10, "train")


def planned(
    count: int,
    betas: Sequence[float] = (1.0, 0.1),
    *,
    bubbles: int = 250,
    size: int = 128,
    frames: int = 8,
    intervals: Sequence[float] = INTERVALS,
    skip: int = 0,
) -> list[Run]:
    """``count`` runs at each of ``betas``."""
    return [
        Run(seed, beta, bubbles, size, frames, intervals[seed % len(intervals)], skip)
        for beta in betas
        for seed in range(count)
    ]


def arrays_of(runs: Sequence[Run], work: Path, processes: int = 1) -> dict[str, NDArray[Any]]:
    """Make what is missing of ``runs`` in ``work``, and gather all."""
    make_all(runs, work, processes)
    return gather(runs, [load(run.path(work)) for run in runs])


def own_sequences() -> dict[str, NDArray[Any]]:
    """The small set that training makes for itself where it is given none, kept in the user's
    cache: ten runs at each beta of 250 bubbles, about 80 s of one core the first time."""
    base = os.environ.get("XDG_CACHE_HOME")
    folder = (Path(base) if base else Path.home() / ".cache") / "physgan" / "foam"
    return arrays_of(planned(10), folder)


def archive(arrays: dict[str, NDArray[Any]], path: Path) -> bytes:
    """Write ``arrays`` to ``path`` (npz), whole or not at all; returns what was written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    write_atomic(path, buffer.getvalue())
    return buffer.getvalue()
