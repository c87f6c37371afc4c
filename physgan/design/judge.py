"""Ask a domain's oracle about the ranked candidates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from typing import Any

from physgan.design.candidate import Candidate
from physgan.design.screen import screen
from physgan.domain import Domain, Oracle

RELAXED = "relaxed_sample"


def judge(
    domain: Domain,
    oracle: Oracle,
    candidates: Sequence[Candidate],
    *,
    executor: Executor | None = None,
    workers: int | None = None,
    show_progress: bool = False,
) -> int:
    """Fill ``oracle``, ``relaxed`` and ``verified`` of each candidate; returns how many could be
    judged.

    Verified values come from ``domain.verify(samples, judged rows) -> rows by property`` where
    the domain has it, else from the oracle's figures that are named like a property.
    """
    samples = [candidate.sample for candidate in candidates]
    rows = (
        oracle.judge(samples)
        if oracle.counted
        else screen(
            oracle.judge,
            samples,
            executor=executor,
            workers=workers,
            description=f"judging with {oracle.name}",
            show_progress=show_progress,
        )
    )
    judged = 0
    told = verified(domain, samples, rows)
    for candidate, row, values in zip(candidates, rows, told, strict=True):
        candidate.relaxed = row.get(RELAXED)
        candidate.oracle = {k: v for k, v in row.items() if k != RELAXED and _is_figure(v)}
        if row.get("error"):
            continue
        judged += 1
        candidate.verified = {k: v for k, v in (values or {}).items() if not _is_nan(v)}
    return judged


def verified(
    domain: Domain, samples: Sequence[Any], rows: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any] | None]:
    """The properties that an oracle's ``rows`` say, by sample: as ``domain.verify`` reads them,
    else the figures that are named like a property."""
    hook = getattr(domain, "verify", None)
    if hook is not None:
        return hook(samples, rows)
    known = {prop.name for prop in domain.properties}
    return [{name: row[name] for name in known & row.keys()} for row in rows]


def _is_nan(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _is_figure(value: Any) -> bool:
    return value is not None and isinstance(value, (str, bool, int, float))
