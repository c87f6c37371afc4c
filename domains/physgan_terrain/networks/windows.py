"""Which cells of each level a rectangle of the finest one depends on.

Level ``l`` has cells of 2^l fine cells; cell ``i`` covers the fine cells ``[i 2^l, (i+1) 2^l)``.
Indices are absolute, so any rectangle of an unbounded plane is computed from the same numbers,
whichever window it is part of.
"""

from __future__ import annotations

from typing import NamedTuple

BLOCK = 2
"""Cells that the two 3 x 3 convolutions of a level eat on each side."""
BLUR = 1
"""Cells that the 3 x 3 blur after doubling eats on each side."""


class Span(NamedTuple):
    """Cells ``[low, high)`` of one axis at one level."""

    low: int
    high: int

    def __len__(self) -> int:  # type: ignore[override]
        return self.high - self.low

    def wider(self, by: int) -> Span:
        """With ``by`` more cells on both sides."""
        return Span(self.low - by, self.high + by)

    def inside(self, other: Span) -> slice:
        """Where this span lies in ``other``, which contains it."""
        return slice(self.low - other.low, self.high - other.low)

    def parents(self) -> Span:
        """The cells of the next coarser level that cover this span."""
        return Span(self.low // 2, -(-self.high // 2))


def spans(out: Span, levels: int) -> list[Span]:
    """What each level, finest first, must deliver for ``out`` at level 0."""
    found = [out]
    for _ in range(levels - 1):
        found.append(found[-1].wider(BLOCK + BLUR).parents())
    return found
