"""How much faster rollouts of foams are than solvers: same start, same end, same threads."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

import torch

from foam_solver import BUBBLES, SIZE
from physgan.run import Run
from physgan.surrogate.speedup import Contender, compare
from physgan_foam import measures
from physgan_foam.evaluation import follow, follow_many
from physgan_foam.foam import Foam
from physgan_foam.initial import voronoi_labels
from physgan_foam.solver.front_tracking import FrontTracking, Options
from physgan_foam.solver.initial import voronoi
from physgan_foam.solver.network import Films
from physgan_foam.solver.phase_field import Options as GridOptions
from physgan_foam.solver.phase_field import PhaseField
from physgan_foam.solver.raster import rasterise
from physgan_foam.solver.trajectory import Trajectory

OURS, TRACKED, GRID, COARSE = "ours", "front tracking", "phase field", "phase field, 1 pixel per px"
INTERVAL = 0.1
"""Mean areas between looks of a solver at how many bubbles are left."""
MANY = 4
"""Foams at once."""
COARSE_GRID = GridOptions(pixels=1, width=4.0)


@dataclass(frozen=True)
class Start:
    """The same foam as films and as pixels."""

    films: Films
    foam: Foam


def start_of(seed: int) -> Start:
    """The Voronoi foam of ``seed``."""
    shape = (SIZE, SIZE)
    return Start(voronoi(BUBBLES, shape, seed), Foam(voronoi_labels(BUBBLES, shape, seed)))


@dataclass(frozen=True)
class Solved:
    """``tool`` to at most ``end`` bubbles, with pictures as often as passes of ``step`` mean areas
    give them; of many foams at once each in a process of ``pool``, for the solvers are serial."""

    tool: FrontTracking | PhaseField
    end: int
    step: float
    pool: ProcessPoolExecutor | None = None

    def __call__(self, begin: Start | Sequence[Start]) -> Foam:
        if isinstance(begin, Start):
            return solved(self.tool, self.end, self.step, begin)
        rows = len(begin)
        told = [self.tool] * rows, [self.end] * rows, [self.step] * rows, begin
        spread: Any = map if self.pool is None else self.pool.map
        return list(spread(solved, *told))[-1]


def solved(tool: FrontTracking | PhaseField, end: int, step: float, begin: Start) -> Foam:
    """The foam that ``tool`` has made of ``begin`` once at most ``end`` bubbles are left."""
    every = max(round(step / INTERVAL), 1)
    return pictured(tool.run(begin.films, interval=INTERVAL, relative=True, until=end), every)


def timed(
    run: Run, beta: float, *, step: float, seed: int, until: int, repeats: int,
    training_seconds: float, grids: bool = False, many: int = 0,
) -> dict[str, Any]:  # fmt: skip
    """All contenders from the Voronoi foam of ``seed`` to as many bubbles as our rollout has at
    its first frame of at most ``until``; with ``grids`` (beta 1 only) against the phase field;
    ``many`` foams at once too, on as many threads or processes as torch has threads."""
    domain: Any = run.domain
    core: Any = run.core
    start = start_of(seed)

    def ours(begin: Start | Sequence[Start]) -> Foam:
        if isinstance(begin, Start):
            return follow(core, domain, begin.foam, beta, step=step, until=until).foams[-1]
        foams = [one.foam for one in begin]
        return follow_many(core, domain, foams, beta, step=step, until=until)[-1]

    end = ours(start).bubbles
    workers = torch.get_num_threads()
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn")) if many else None
    with pool or nullcontext():
        tracking = Solved(FrontTracking(Options(beta=beta)), end, step, pool)
        contenders: dict[str, Contender] = {OURS: ours, TRACKED: tracking}
        if grids:
            contenders |= {
                name: Solved(PhaseField(options), end, step, pool)
                for name, options in ((GRID, GridOptions()), (COARSE, COARSE_GRID))
            }
        found = compare(
            contenders, start, final, baseline=GRID if grids else TRACKED, reference=TRACKED,
            repeats=repeats, training_seconds={OURS: training_seconds},
            batch=[start_of(seed + 10 * k) for k in range(many)] if many else None,
            batch_size=many or None,
        )  # fmt: skip
    rows = {row["name"]: row for row in found.to_dict()["rows"]}
    return found.to_dict() | {"rows": rows, "beta": beta, "from": BUBBLES, "to": end}


def pictured(run: Trajectory, every: int) -> Foam:
    """The last foam of ``run``, with every so many frames before it made into pixels too."""
    last = len(run.frames) - 1
    fields = [
        rasterise(frame, run.shape, (SIZE, SIZE))
        for i, frame in enumerate(run.frames)
        if i % every == 0 or i == last
    ]
    return Foam(fields[-1])


def final(foam: Foam) -> dict[str, float]:
    """What is compared at the end."""
    told = measures.summary([foam])
    return {key: told[key] for key in ("mean_area", "mu2", "area_spread")}
