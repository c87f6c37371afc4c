"""Foams on a GPU: how much faster rollouts are than the solvers, alone and many at a time.

    python benchmarks/foam_gpu.py

The solvers are serial and stay on one processor thread of the same machine; rollouts are timed
there too. The net runs on the GPU, pressures and the mending of torn bubbles on the processor.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch

from common import write_results
from foam_solver import BUBBLES, UNTIL
from foam_speed import GRID, OURS, TRACKED, Solved, final, start_of
from physgan.run import Run
from physgan.surrogate.speedup import Contender, compare
from physgan_foam.domain import STEP, FoamDomain
from physgan_foam.evaluation import follow_many
from physgan_foam.foam import Foam
from physgan_foam.solver.front_tracking import FrontTracking, Options
from physgan_foam.solver.phase_field import PhaseField
from runs import kept

SEED, MANY, GRID_UNTIL = 9, 16, 500
ON_GPU = "ours, on the GPU"
CASES = {
    "front_tracking_beta1": (1.0, False),
    "front_tracking_beta01": (0.1, False),
    "phase_field": (1.0, True),
}
"""By name: beta, and whether the phase field takes part."""
UNITS = {"speedup": "1", "seconds": "s"}
"""By how a figure's name begins."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, default=FoamDomain().shipped_run())
    parser.add_argument("--step", type=float, default=STEP, help="mean areas of a pass")
    parser.add_argument("--many", type=int, default=MANY, help="rollouts at a time")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path("runs") / "foam-gpu", help="parts")
    parser.add_argument("--results", type=Path, help="folder of foam_gpu.json; default: this one's")
    options = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("no GPU is here")
    torch.set_num_threads(1)
    found = {
        name: kept(options.work / f"{name}.json", lambda b=beta, g=grid: timed(b, options, g))
        for name, (beta, grid) in CASES.items()
    }
    figures: dict[str, Any] = {}
    for name, speed in found.items():
        rows = {row["name"]: row for row in speed["rows"]}
        alone, many = rows[speed["baseline"]]["single"]["seconds"], speed["many"]["seconds"]
        figures |= {
            f"speedup_{name}": rows[ON_GPU]["ratio"],
            f"seconds_{name}": rows[ON_GPU]["single"]["seconds"],
            f"speedup_batch_{name}": alone / many,
            f"seconds_batch_{name}": many,
        }
    units = {key: UNITS[key.split("_")[0]] for key in figures}
    path = write_results(
        "foam_gpu", figures, {}, units=units, command="python benchmarks/foam_gpu.py", seeds=[SEED],
        extra={"speed": found, "many": options.many},
        **({} if options.results is None else {"folder": options.results}),
    )  # fmt: skip
    print(path)


def timed(beta: float, options: argparse.Namespace, grid: bool) -> dict[str, Any]:
    """Contenders from one start to the same number of bubbles, and rollouts ``many`` at a time."""
    step, until = options.step, GRID_UNTIL if grid else UNTIL
    starts = [start_of(SEED + 10 * k) for k in range(options.many)]

    def ours(device: str) -> Contender:
        run = Run.open(options.run)
        run.core.to(device)
        core: Any = run.core
        domain: Any = run.domain
        return lambda begin: follow_many(
            core, domain, [start.foam for start in begin], beta, step=step, until=until,
            device=device,
        )  # fmt: skip

    fast = {OURS: ours("cpu"), ON_GPU: ours("cuda")}
    end = fast[OURS](starts[:1])[0].bubbles
    name, tool = (GRID, PhaseField()) if grid else (TRACKED, FrontTracking(Options(beta=beta)))
    slow = Solved(tool, end, step)
    found = compare(
        fast | {name: lambda begin: [slow(start) for start in begin]}, starts[:1], last,
        baseline=name, repeats=options.repeats,
    ).to_dict()  # fmt: skip
    # Solvers would only go one after another through many starts.
    many = compare(
        {ON_GPU: fast[ON_GPU]}, starts[:1], last, baseline=ON_GPU,
        batch=starts, batch_size=len(starts), repeats=options.repeats,
    ).to_dict()  # fmt: skip
    return found | {"many": many["rows"][0]["batch"], "beta": beta, "from": BUBBLES, "to": end}


def last(foams: list[Foam]) -> dict[str, float]:
    """What is compared: the statistics of the first sequence's end."""
    return final(foams[0])


if __name__ == "__main__":
    main()
