"""The reference solver as an oracle: a foam is judged by the scaling state it should be in."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from physgan.domain import Oracle
from physgan_foam import labels as fields
from physgan_foam import measures
from physgan_foam.foam import Foam


class Solver(Oracle):
    """Runs front tracking at ``beta`` from Voronoi foams of the same number of pixels and compares
    each sample with the solver's foams of about as many bubbles; ``runs`` of them are made on the
    first call, by seeds that training never sees, and kept in ``work``.

    A row has ``bubbles``, ``mean_sides``, ``mu2`` and ``ks_area``, the Kolmogorov-Smirnov distance
    of A/<A> from the solver's, and ``mu2_solver``.
    """

    name = "front-tracking"
    properties: tuple[str, ...] = ()

    def __init__(
        self, beta: float = 0.1, runs: int = 2, bubbles: int = 1000, work: Path | None = None
    ) -> None:
        self.beta, self.runs, self.bubbles, self.work = beta, runs, bubbles, work

    @cached_property
    def foams(self) -> list[Foam]:
        """The solver's foams."""
        from physgan_foam.evaluation import SEEDS, cache, solve

        made = [
            solve(SEEDS[0] + 10 * i, self.beta, bubbles=self.bubbles, size=256,
                  work=self.work or cache())
            for i in range(self.runs)
        ]  # fmt: skip
        return [foam for run in made for foam in run.foams]

    def judge(self, samples: Sequence[Foam]) -> list[dict[str, Any]]:
        return [self._row(foam) for foam in samples]

    def _row(self, foam: Foam) -> dict[str, Any]:
        shrunk = self.bubbles * foam.mean_area * foam.bubbles / 256**2
        share = foam.bubbles / max(shrunk, 1)
        alike = [f for f in self.foams if 0.7 < f.bubbles / (self.bubbles * share) < 1.4]
        if foam.bubbles < 8 or not alike:
            return {"error": f"the solver has no foams to compare {foam.bubbles} bubbles with"}
        sides = fields.sides(foam.grid)
        return {
            "bubbles": foam.bubbles,
            "mean_sides": float(sides[sides > 0].mean()),
            "mu2": measures.mu2(sides),
            "mu2_solver": measures.mu2(measures.sides_of(alike)),
            "ks_area": measures.area_distance([foam], alike),
        }
