"""Samples of a run at three tiers of strictness, so that each is reported apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tensordict import TensorDict

from physgan.conditions import Target
from physgan.domain import Domain
from physgan.errors import RunError
from physgan.run import Run

TIERS = ("raw", "constrained", "filtered")
"""As drawn; after every projection; those of the projected that pass every filter."""
MOST_DRAWS = 20


def constrain(domain: Domain, x: TensorDict, given: TensorDict | None = None) -> TensorDict:
    """``x`` after all projections of ``domain``, in their order."""
    given = TensorDict({}, x.batch_size) if given is None else given
    for projection in domain.projections():
        x = projection.function(x, given)
    return x


def draw_tier(
    run: Run, tier: str, n: int, *, seed: int = 0, targets: Sequence[Target] = ()
) -> list[Any]:
    """``n`` native samples of ``run`` at ``tier``; None where a sample cannot be decoded.

    ``raw`` and ``constrained`` start from the same draws. Raises RunError when fewer than one
    draw in twenty passes the filters.
    """
    if tier == "raw":
        return run.domain.decode(run.sample(n, targets, seed))
    if tier == "constrained":
        return run.domain.decode(_constrained(run, n, targets, seed))
    passed: list[Any] = []
    for more in range(MOST_DRAWS):
        drawn = run.domain.decode(_constrained(run, n, targets, seed + more))
        passed += [s for s in drawn if s is not None and all(run.domain.filters(s).values())]
        if len(passed) >= n:
            return passed[:n]
    raise RunError(f"only {len(passed)} of {n * MOST_DRAWS} samples pass the filters")


def _constrained(run: Run, n: int, targets: Sequence[Target], seed: int) -> TensorDict:
    _, given = run.ask(n, targets, seed)
    return constrain(run.domain, run.sample(n, targets, seed), given)
