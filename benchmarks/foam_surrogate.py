"""Rollouts of the foam benchmark against the solver from the same starts, and what does worse."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from foam_solver import BUBBLES, SIZE, UNTIL
from physgan.run import Run
from physgan_foam import measures
from physgan_foam.evaluation import (
    Course,
    compare,
    count_error,
    follow,
    solve,
    stable_horizons,
)
from physgan_foam.foam import Foam
from physgan_foam.solver.initial import voronoi
from physgan_foam.solver.phase_field import Options, PhaseField

Figures = dict[str, float]
LARGE = {"bubbles": 9000, "size": 768, "step": 0.2}
"""Where a rollout is long: it has room for 30 passes and more before few bubbles are left."""
NAMES = {
    "von_neumann_slope_error": "surrogate_von_neumann_slope_error",
    "von_neumann_r2": "surrogate_von_neumann_r2",
    "mean_sides": "surrogate_mean_sides",
}
STATED = (*NAMES, "mu2_error", "ks_area", "bubble_count_error", "bubble_count_error_each",
          "area_error_max", "torn", "stable_horizons")  # fmt: skip
LEAST = ("von_neumann_r2", "stable_horizons")


def solved(seeds: Sequence[int], beta: float, work: Path) -> list[Course]:
    """The solver's runs of ``seeds``, which training never sees, kept in ``work``."""
    found = [solve(seed, beta, bubbles=BUBBLES, size=SIZE, work=work) for seed in seeds]
    return [course.until(UNTIL) for course in found]


def rolled(run: Run, references: Sequence[Course], beta: float, step: float) -> Figures:
    """Figures of rollouts from where ``references`` begin."""
    domain, core = _parts(run)
    courses = [follow(core, domain, r.foams[0], beta, step=step, until=UNTIL) for r in references]
    return scored(courses, references)


def without_pressures(folder: Path) -> Run:
    """The run in ``folder`` as its network alone is: no areas are asked of its rollouts."""
    run = Run.open(folder)
    run.core.projections = []  # type: ignore[assignment]
    return run


def horizons(run: Run, beta: float, seed: int) -> Figures:
    """Training windows that a long rollout lasts."""
    domain, core = _parts(run)
    return {"stable_horizons": stable_horizons(core, domain, beta, seed=seed, **LARGE)}  # type: ignore[arg-type]


def pixels(references: Sequence[Course]) -> Figures:
    """The solver seen as a surrogate is, by pixels; statistics of one half of the seeds beside the
    other's, which is how far two sets of runs of the same law are apart."""
    half = len(references) // 2
    apart = compare(references[:half], references[half : 2 * half])
    chance = ("mu2_error", "ks_area", "bubble_count_error", "bubble_count_error_each")
    return compare(references, references) | {key: apart[key] for key in chance}


def persistence(references: Sequence[Course]) -> Figures:
    """The first foam at all times. No area changes: the law has slope 0, and no R2."""
    still = [Course([r.foams[0]] * len(r.foams), r.tau, 0.0) for r in references]
    first = [r.foams[0] for r in references]
    true = [foam for r in references for foam in r.settled()]
    sides = measures.sides_of(first)
    return {
        "von_neumann_slope_error": 100.0,
        "mean_sides": float(sides.mean()),
        "mu2_error": abs(measures.mu2(sides) - measures.mu2(measures.sides_of(true))),
        "ks_area": measures.area_distance(first, true),
        "bubble_count_error": 100 * count_error(still, references),
        "area_error_max": 0.0,
    }


def phase_field(references: Sequence[Course], seed: int, until: int, options: Options) -> Figures:
    """The phase field from the start of the first of ``references`` to ``until`` bubbles."""
    films = voronoi(BUBBLES, (SIZE, SIZE), seed)
    run = PhaseField(options).run(films, interval=0.1, relative=True, until=until)
    foams = [Foam(labels) for labels in run.labels((SIZE, SIZE))]
    course = Course(foams, run.tau, run.about["seconds"])
    return scored([course], [references[0].until(until)]) | {"seconds": course.seconds}


def scored(runs: Sequence[Course], references: Sequence[Course]) -> Figures:
    """``compare``; without its distributions for runs that end before these have settled."""
    if all(any(course.settled() for course in courses) for courses in (runs, references)):
        return compare(runs, references)
    law = measures.von_neumann([r.foams for r in runs], [r.tau for r in runs])
    return {
        "von_neumann_slope_error": 100 * abs(law.slope - 1),
        "von_neumann_r2": law.r2,
        "mean_sides": float(measures.sides_of([f for r in runs for f in r.foams]).mean()),
        "bubble_count_error": 100 * count_error(runs, references),
    }


def worst(rows: Mapping[float, Figures]) -> Figures:
    """Of each stated figure that which is farthest from its goal over the betas of ``rows``."""
    out: Figures = {}
    for key in STATED:
        values = [row[key] for row in rows.values() if key in row]
        if not values:
            continue
        if key == "mean_sides":
            value = max(values, key=lambda sides: abs(sides - 6))
        else:
            value = (min if key in LEAST else max)(values)
        out[NAMES.get(key, key)] = value
    return out


def _parts(run: Run) -> tuple[Any, Any]:
    return run.domain, run.core
