"""The reference solver as an oracle: a foam is judged by the scaling state it should be in."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from physgan.domain import Oracle
from physgan_foam import labels as fields
from physgan_foam import measures
from physgan_foam.evaluation import Course, cache, solve
from physgan_foam.foam import Foam


class Solver(Oracle):
    """Compares a foam with those that front tracking at ``beta`` makes of ``bubbles`` Voronoi cells
    on 256 x 256 pixels, from frames with about as many bubbles where there are such, else from
    those that are self-similar. ``runs`` runs are made on the first call, by seeds that training
    never sees, and kept in ``work``.

    A row has ``bubbles``, ``mean_sides``, ``mu2``, ``mu2_solver`` and ``ks_area``, the
    Kolmogorov-Smirnov distance of A/<A> from the solver's.
    """

    name = "front-tracking"
    properties: tuple[str, ...] = ()

    def __init__(
        self, beta: float = 0.1, runs: int = 2, bubbles: int = 1000, work: Path | None = None
    ) -> None:
        self.beta, self.runs, self.bubbles, self.work = beta, runs, bubbles, work

    @cached_property
    def courses(self) -> list[Course]:
        """The solver's runs."""
        return [
            solve(seed, self.beta, bubbles=self.bubbles, size=256, work=self.work or cache())
            for seed in range(9, 10 * self.runs, 10)
        ]

    def judge(self, samples: Sequence[Foam]) -> list[dict[str, Any]]:
        return [self._row(foam) for foam in samples]

    def _row(self, foam: Foam) -> dict[str, Any]:
        if foam.bubbles < 8:
            return {"error": f"{foam.bubbles} bubbles are too few for statistics"}
        alike = [
            f for run in self.courses for f in run.foams if 0.7 < f.bubbles / foam.bubbles < 1.4
        ]
        alike = alike or [f for run in self.courses for f in run.settled()]
        sides = fields.sides(foam.grid)
        return {
            "bubbles": foam.bubbles,
            "mean_sides": float(sides[sides > 0].mean()),
            "mu2": measures.mu2(sides),
            "mu2_solver": measures.mu2(measures.sides_of(alike)),
            "ks_area": measures.area_distance([foam], alike),
        }
