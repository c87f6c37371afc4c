"""Build training sequences of coarsening foams with the reference solver.

``python datasets/foam/build.py --out build/foam.npz --work build/foam`` goes on from the runs
that the folder ``--work`` already holds; a run is the same whenever its settings are.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from physgan.training.files import write_atomic
from physgan_foam.solver.front_tracking import FrontTracking, Options
from physgan_foam.solver.initial import voronoi
from physgan_foam.solver.trajectory import Trajectory, load

VERSION = 1
"""Of the solver's results; another number makes old runs stale."""


@dataclass(frozen=True)
class Run:
    """One sequence: ``frames`` frames, ``interval`` mean areas of tau apart, on ``size`` px^2."""

    seed: int
    beta: float
    bubbles: int
    size: int
    frames: int
    interval: float

    def path(self, work: Path) -> Path:
        text = json.dumps([VERSION, asdict(self)], sort_keys=True)
        return work / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.npz"


def make(run: Run, work: Path) -> float:
    """Compute ``run`` into ``work`` unless it is there; returns the seconds that took."""
    path = run.path(work)
    if path.exists():
        return 0.0
    begun = time.perf_counter()
    films = voronoi(run.bubbles, (run.size, run.size), run.seed)
    FrontTracking(Options(beta=run.beta)).run(
        films, interval=run.interval, frames=run.frames, relative=True
    ).save(path)
    return time.perf_counter() - begun


def gather(runs: list[Run], trajectories: list[Trajectory]) -> dict[str, Any]:
    """Arrays of all runs, R by T; bubbles keep their column, NaN (sides: 0) once they are gone."""
    size, bubbles = runs[0].size, max(run.bubbles for run in runs)
    shape = len(runs), runs[0].frames
    area = np.full((*shape, bubbles), np.nan, np.float32)
    mean_sides = np.full((*shape, bubbles), np.nan, np.float32)
    sides = np.zeros((*shape, bubbles), np.int8)
    labels = np.empty((*shape, 1, size, size), np.int32)
    for r, trajectory in enumerate(trajectories):
        labels[r, :, 0] = trajectory.labels((size, size))
        for t, frame in enumerate(trajectory.frames):
            area[r, t, frame.ident] = frame.area
            sides[r, t, frame.ident] = frame.sides
            mean_sides[r, t, frame.ident] = frame.mean_sides
    return {
        "labels": labels,
        "tau": np.stack([trajectory.tau for trajectory in trajectories]),
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="npz file of all sequences")
    parser.add_argument("--work", type=Path, required=True, help="folder of finished runs")
    parser.add_argument("--runs", type=int, default=10, help="runs at each beta")
    parser.add_argument("--beta", type=float, nargs="+", default=[1.0, 0.1])
    parser.add_argument("--bubbles", type=int, default=250)
    parser.add_argument("--size", type=int, default=128, help="pixels a side")
    parser.add_argument("--frames", type=int, default=11)
    parser.add_argument("--interval", type=float, default=0.2, help="in mean areas of tau")
    parser.add_argument("--processes", type=int, default=1)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    runs = [
        Run(seed, beta, options.bubbles, options.size, options.frames, options.interval)
        for beta in options.beta
        for seed in range(options.runs)
    ]
    begun = time.perf_counter()
    with ProcessPoolExecutor(options.processes) as pool:
        spent = list(pool.map(make, runs, [options.work] * len(runs)))
    arrays = gather(runs, [load(run.path(options.work)) for run in runs])
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    write_atomic(options.out, buffer.getvalue())
    made = sum(seconds > 0 for seconds in spent)
    digest = hashlib.sha256(buffer.getvalue()).hexdigest()
    print(f"{made} of {len(runs)} runs made, {sum(spent):.0f} s of solver", end=", ")
    print(f"{time.perf_counter() - begun:.0f} s in all")
    print(f"{options.out}: {buffer.tell()} bytes, sha256 {digest}")


if __name__ == "__main__":
    main()
