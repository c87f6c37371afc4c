"""Whether the options of a protein domain make sense together."""

from __future__ import annotations

from collections.abc import Sequence

from physgan.errors import InputError

EDITS = ("none", "consensus", "rows")


def check_options(
    edit: str,
    budget: int,
    fixed: Sequence[int],
    bins: int,
    shares: Sequence[float],
    on_bad: str,
) -> None:
    """Raise InputError for the first option of ``ProteinDomain`` that is out of range."""
    if edit not in EDITS:
        raise InputError(f"edit={edit!r}", fix=f"one of {', '.join(EDITS)}")
    if on_bad not in ("skip", "refuse"):
        raise InputError(f"on_bad={on_bad!r}", fix="skip or refuse")
    if budget < 1 or bins < 0 or bins == 1:
        raise InputError(
            f"budget={budget}, bins={bins}", fix="a budget of 1 or more; 0 bins, or 2 or more"
        )
    if len(shares) != 2 or min(shares) < 0 or sum(shares) >= 1:
        raise InputError(f"shares={shares}", fix="two parts, for validation and test, below 1")
    if any(place < 1 for place in fixed):
        raise InputError(f"fixed={list(fixed)}", fix="positions are counted from 1")
