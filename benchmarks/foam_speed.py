"""How much faster rollouts of foams are than solvers: same start, same end, same threads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from foam_solver import BUBBLES, SIZE
from physgan.run import Run
from physgan.surrogate.speedup import compare
from physgan_foam import measures
from physgan_foam.evaluation import follow
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


def solver(tool: FrontTracking | PhaseField, end: int, step: float) -> Callable[[Start], Foam]:
    """``tool`` to at most ``end`` bubbles, with pictures as often as passes of ``step`` mean areas
    give them."""
    every = max(round(step / INTERVAL), 1)
    return lambda begin: pictured(
        tool.run(begin.films, interval=INTERVAL, relative=True, until=end), every
    )


def timed(
    run: Run, beta: float, *, step: float, seed: int, until: int, repeats: int,
    training_seconds: float, grids: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """All contenders from the Voronoi foam of ``seed`` to as many bubbles as our rollout has at
    its first frame of at most ``until``; with ``grids`` (beta 1 only) against the phase field."""
    domain: Any = run.domain
    core: Any = run.core
    start = start_of(seed)

    def ours(begin: Start) -> Foam:
        course = follow(core, domain, begin.foam, beta, step=step, until=until)
        return course.foams[-1]

    end = ours(start).bubbles
    contenders = {OURS: ours, TRACKED: solver(FrontTracking(Options(beta=beta)), end, step)}
    if grids:
        contenders |= {
            name: solver(PhaseField(options), end, step)
            for name, options in ((GRID, GridOptions()), (COARSE, COARSE_GRID))
        }
    found = compare(
        contenders, start, final, baseline=GRID if grids else TRACKED, reference=TRACKED,
        repeats=repeats, training_seconds={OURS: training_seconds},
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
