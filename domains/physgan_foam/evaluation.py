"""Surrogate rollouts against the reference solver: same start, same pixels, same measures."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from physgan.errors import InputError
from physgan_foam import labels as fields
from physgan_foam import measures
from physgan_foam.data import Run, make
from physgan_foam.foam import Foam
from physgan_foam.laws.laplace import laplace_r2
from physgan_foam.solver.trajectory import load

if TYPE_CHECKING:
    from physgan.surrogate.rollout import Surrogate
    from physgan_foam.domain import FoamDomain

SEEDS = (9, 19, 29)
"""Training never sees seeds that end in 9."""
PASS = 0.2
"""Mean areas of a pass."""
SETTLED = 3.0
"""Distributions are of frames with so many times fewer bubbles than the first."""


@dataclass(frozen=True)
class Course:
    """Foams at ``tau (T,)`` px^2, and how many seconds they took."""

    foams: Sequence[Foam]
    tau: NDArray[np.float64]
    seconds: float

    def until(self, bubbles: int) -> Course:
        """Up to the first foam of at most so many bubbles."""
        last = next((i for i, f in enumerate(self.foams) if f.bubbles <= bubbles), len(self.foams))
        return Course(self.foams[: last + 1], self.tau[: last + 1], self.seconds)

    def settled(self) -> list[Foam]:
        """The foams that no longer remember how they began."""
        first = self.foams[0].bubbles
        return [foam for foam in self.foams if SETTLED * foam.bubbles <= first]


def solve(
    seed: int, beta: float, *, bubbles: int, size: int, work: Path, frames: int = 26
) -> Course:
    """A run of the solver as label fields, 0.1 mean areas apart; kept in ``work``."""
    run = Run(seed, beta, bubbles, size, frames, 0.1)
    work.mkdir(parents=True, exist_ok=True)
    make(run, work)
    found = load(run.path(work))
    foams = [Foam(field) for field in found.labels((size, size))]
    return Course(foams, found.tau, float(found.about["seconds"]))


def follow(
    surrogate: Surrogate, domain: FoamDomain, start: Foam, beta: float, *, step: float,
    until: int, most: int = 200,
) -> Course:  # fmt: skip
    """A rollout in passes of ``step`` mean areas from ``start`` to ``until`` bubbles or fewer."""
    state, _ = domain.encode([start])
    asked = {"step": torch.tensor([step]), "beta": torch.tensor([beta])}
    states, tau, hidden = [state], [0.0], None
    begun = time.perf_counter()
    with torch.no_grad():
        while len(states) <= most:
            pace = domain.pace(state, asked)
            state, hidden = surrogate.advance(state, pace.y, hidden)
            states.append(state)
            tau.append(tau[-1] + float(pace.elapsed[0]))
            if domain.decode(state)[0].bubbles <= until:
                break
    seconds = time.perf_counter() - begun
    return Course([domain.decode(s)[0] for s in states], np.array(tau), seconds)


def follow_many(
    surrogate: Surrogate, domain: FoamDomain, starts: Sequence[Foam], beta: float, *, step: float,
    until: int, most: int = 200, device: str = "cpu",
) -> list[Foam]:  # fmt: skip
    """The ends of rollouts of ``starts``, all of one shape, at once on ``device``: each at its
    first foam of at most ``until`` bubbles, where it leaves the others."""
    state = domain.encode(starts)[0].to(device)
    left, ends = np.arange(len(starts)), list(starts)
    for _ in range(most):
        asked = {"step": torch.full((len(left),), step), "beta": torch.full((len(left),), beta)}
        y = {name: value.to(device) for name, value in domain.pace(state, asked).y.items()}
        with torch.no_grad():
            state, _hidden = surrogate.advance(state, y, None)
        foams = domain.decode(state)
        for row, foam in zip(left, foams, strict=True):
            ends[row] = foam
        on = np.array([foam.bubbles > until for foam in foams])
        left, state = left[on], state[torch.from_numpy(on).to(device)]  # type: ignore
        if not len(left):
            break
    return ends


def compare(runs: Sequence[Course], references: Sequence[Course]) -> dict[str, float]:
    """Figures of ``runs`` beside the solver's from the same starts; percent where named so."""
    law = measures.von_neumann([r.foams for r in runs], [r.tau for r in runs])
    own = [foam for run in runs for foam in run.settled()]
    true = [foam for run in references for foam in run.settled()]
    if not own or not true:
        raise InputError("the runs are too short for statistics", fix="more passes")
    sides = measures.sides_of(own)
    reference = measures.mu2(measures.sides_of(true))
    box = [run.foams[0].labels.size for run in runs]
    total = [
        abs(fields.areas(foam.labels).sum() / b - 1)
        for run, b in zip(runs, box, strict=True)
        for foam in run.foams
    ]
    torn = [fields.components(foam.grid) / foam.bubbles - 1 for foam in own]
    return {
        "von_neumann_slope_error": 100 * abs(law.slope - 1),
        "von_neumann_slope": law.slope,
        "von_neumann_r2": law.r2,
        "mean_sides": float(sides.mean()),
        "mu2": measures.mu2(sides),
        "mu2_reference": reference,
        "mu2_error": abs(measures.mu2(sides) - reference),
        "ks_area": measures.area_distance(own, true),
        "bubble_count_error": 100 * count_error(runs, references),
        "bubble_count_error_each": 100 * count_error_each(runs, references),
        "area_error_max": float(max(total)),
        "torn": float(np.mean(torn)),
        "laplace_r2": float(np.mean([laplace_r2(foam.grid) for foam in own])),
        "laplace_r2_reference": float(np.mean([laplace_r2(foam.grid) for foam in true])),
        "passes": float(np.mean([len(run.foams) - 1 for run in runs])),
        "seconds": float(np.median([run.seconds for run in runs])),
        "solver_seconds": float(np.median([run.seconds for run in references])),
    }


def count_error(runs: Sequence[Course], references: Sequence[Course]) -> float:
    """Mean relative error over time of the number of bubbles in all ``runs`` together, up to where
    the first of them or of the references ends."""
    end = min(course.tau[-1] for course in (*runs, *references))
    times = np.sort(np.concatenate([run.tau[1:] for run in runs]))
    times = times[times <= end]
    if not len(times):
        raise InputError("no pass ends before the references do", fix="shorter passes")
    own, true = (sum(_counts(c, times) for c in courses) for courses in (runs, references))
    return float(np.abs(own / true - 1).mean())


def count_error_each(runs: Sequence[Course], references: Sequence[Course]) -> float:
    """The same of single runs, averaged: two runs of one law from other starts differ too."""
    return float(np.mean([count_error([a], [b]) for a, b in zip(runs, references, strict=True)]))


def _counts(course: Course, times: NDArray[np.float64]) -> NDArray[np.float64]:
    """Numbers of bubbles at ``times (T,)``; between frames the mean area is a line."""
    areas = np.interp(times, course.tau, [foam.mean_area for foam in course.foams])
    return course.foams[0].labels.size / areas


def stable_horizons(
    surrogate: Surrogate, domain: FoamDomain, beta: float, *, step: float, seed: int = 9,
    bubbles: int = 1000, size: int = 256, fewest: int = 16,
) -> float:  # fmt: skip
    """How many training windows a rollout lasts with mean side number within 0.15 of 6 and at most
    one bubble in ten torn, down to ``fewest`` bubbles."""
    start = domain.decode(domain.begin(None, 1, seed, bubbles=bubbles, size=size))[0]
    run = follow(surrogate, domain, start, beta, step=step, until=fewest)
    lasted = 0
    for foam in run.foams[1:]:
        sides = fields.sides(foam.grid)
        sides = sides[sides > 0]
        scatter = 3 * sides.std() / np.sqrt(len(sides))
        if abs(sides.mean() - 6) > 0.15 + scatter:
            break
        if fields.components(foam.grid) > 1.1 * foam.bubbles + 1:
            break
        lasted += 1
    return lasted / domain.passes


def evaluate_foam(
    domain: FoamDomain,
    samples: Sequence[Foam],
    reference: Sequence[Foam],
    *,
    run: Any = None,
    betas: Sequence[float] = (1.0, 0.1),
    seeds: Sequence[int] = SEEDS,
    bubbles: int = 1000,
    size: int = 256,
    until: int = 130,
    step: float = PASS,
    work: Path | None = None,
    data: Path | None = None,
    train: Sequence[Foam] = (),
    asked: Mapping[str, Any] | None = None,
    rows: Path | None = None,
    seed: int = 0,
) -> dict[str, Any]:
    """With a ``run``: its rollouts on unseen ``seeds`` against the solver, see ``compare``, for
    each of ``betas``, from ``bubbles`` on ``size`` pixels a side ``until`` so many are left, in
    passes of ``step`` mean areas; without one: statistics of ``samples`` against ``reference``.

    Runs of the solver are kept in ``work``, by default the user's cache. ``data``, ``train``,
    ``asked``, ``rows`` and ``seed`` are not read: the solver gives what is compared with.
    """
    if run is None:
        own = measures.summary(samples)
        return own | {"ks_area": measures.area_distance(samples, reference)}
    work = work or cache()
    found: dict[str, Any] = {}
    for beta in betas:
        references = [solve(s, beta, bubbles=bubbles, size=size, work=work) for s in seeds]
        runs = [
            follow(run.core, domain, r.foams[0], beta, step=step, until=until) for r in references
        ]
        ended = [reference.until(until) for reference in references]
        found |= {f"{name}, beta {beta:g}": v for name, v in compare(runs, ended).items()}
    return found


def cache() -> Path:
    """Where runs of the solver are kept for the user."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "physgan" / "foam"
