"""The laws of a domain as a core asks for them: which, and with which tolerances."""

from __future__ import annotations

import math
from collections.abc import Mapping

from physgan.constraints.multipliers import Multipliers
from physgan.domain import Domain, Penalty


def laws_of(
    domain: Domain, wanted: bool, tolerances: Mapping[str, float]
) -> tuple[dict[str, Penalty], Multipliers]:
    """The penalties of ``domain`` by name and their multipliers; none unless ``wanted``.

    ``tolerances`` overrides the laws' own; a tolerance of infinity leaves a law out.
    """
    laws = {p.name: p for p in domain.penalties()} if wanted else {}
    stated = {p.name: p.tolerance for p in laws.values()} | dict(tolerances)
    kept = {n: p for n, p in laws.items() if math.isfinite(stated[n])}
    return kept, Multipliers({n: stated[n] for n in kept})
