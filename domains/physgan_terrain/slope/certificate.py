"""The certificate of a terrain: its largest slopes, measured on the heights that are delivered."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from physgan.errors import InputError
from physgan_terrain.slope.operators import OPERATORS, degrees_of, row_blocks, squared_gradient

MOVED_BY = 0.5
"""m; a cell counts as moved when the projection changed it by more."""

NEAR = 0.01
"""A cell counts as near the limit when its slope is within this share of it, on either side."""


@dataclass(frozen=True)
class Certificate:
    """What was measured on the interior cells; shares are percent of them.

    ``slopes`` holds the largest slope in degrees by operator. ``limit`` and ``least_limit`` in
    degrees differ where the limit is a map. ``over`` counts cells over their limit by any of the
    operators. ``share_near_limit`` goes by the first operator. ``share_moved`` (by more than
    ``moved_by`` m) and ``share_filled`` are None where no surface to compare with was given.
    """

    slopes: dict[str, float]
    cell: float
    limit: float
    least_limit: float
    cells: int
    over: int
    share_near_limit: float
    near: float
    share_moved: float | None
    moved_by: float
    share_filled: float | None

    @property
    def holds(self) -> bool:
        """Whether cells were measured and none is over its limit."""
        return self.cells > 0 and self.over == 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; an infinite limit, or a slope that is no number, is None."""
        row = {**asdict(self), "holds": self.holds}
        row["slopes"] = {name: _plain(value) for name, value in self.slopes.items()}
        return {**row, "limit": _plain(self.limit), "least_limit": _plain(self.least_limit)}


def _plain(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _squared_rise(degrees: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(degrees < 90, np.tan(np.radians(np.minimum(degrees, 90))) ** 2, np.inf)


class CertificateBuilder:
    """Gathers a certificate over blocks of a terrain that is never in memory as a whole.

    Blocks overlap by two rows or columns, so that their interiors make up that of the terrain.
    """

    def __init__(
        self,
        cell: float,
        limit: float = math.inf,
        *,
        moved_by: float = MOVED_BY,
        operators: Sequence[str] = tuple(OPERATORS),
    ) -> None:
        self.cell, self.limit, self.moved_by = cell, float(limit), moved_by
        self.operators = tuple(operators)
        if not self.operators:
            raise InputError("a certificate needs an operator", fix=", ".join(OPERATORS))
        self._squared = dict.fromkeys(self.operators, 0.0)
        self._limits: tuple[float, float] | None = None
        self._cells = self._over = self._near = self._compared = 0
        self._moved = self._filled = self._could_fill = 0

    def add(
        self,
        after: NDArray[Any],
        before: NDArray[Any] | None = None,
        *,
        limit: NDArray[Any] | None = None,
        unfilled: NDArray[Any] | None = None,
    ) -> None:
        """Measure the interior of a block ``after (h, w)`` in metres, as it is delivered.

        ``before`` is the block before its projection, ``unfilled`` the projected one before its
        depressions were filled, ``limit`` the block's map of limits in degrees; all ``(h, w)``.
        """
        for other in (before, limit, unfilled):
            if other is not None and np.shape(other) != np.shape(after):
                raise InputError(f"blocks of {np.shape(after)} and {np.shape(other)} cells")
        if np.ndim(after) != 2 or min(np.shape(after)) < 3:
            raise InputError(f"slopes need a grid of at least 3 x 3 cells, not {np.shape(after)}")
        for rows in row_blocks((after.shape[0], after.shape[1])):
            parts = [None if x is None else np.asarray(x[rows]) for x in (before, limit, unfilled)]
            self._measure(np.asarray(after[rows]), *parts)

    def _measure(
        self,
        after: NDArray[Any],
        before: NDArray[Any] | None,
        limit: NDArray[Any] | None,
        unfilled: NDArray[Any] | None,
    ) -> None:
        inner = (slice(1, -1), slice(1, -1))
        allowed = np.asarray(self.limit if limit is None else limit[inner], dtype=np.float64)
        most = _squared_rise(allowed)
        over = np.zeros((after.shape[0] - 2, after.shape[1] - 2), dtype=bool)
        for place, name in enumerate(self.operators):
            squared = squared_gradient(after, self.cell, name)
            self._squared[name] = float(np.fmax(self._squared[name], squared.max()))
            if np.isnan(squared).any():
                self._squared[name] = math.nan
            over |= ~(squared <= most)
            if place == 0:
                low, high = _squared_rise((1 - NEAR) * allowed), _squared_rise((1 + NEAR) * allowed)
                self._near += int(((squared >= low) & (squared <= high)).sum())
        self._over += int(over.sum())
        self._cells += over.size
        least, highest = self._limits or (math.inf, -math.inf)
        self._limits = min(least, float(allowed.min())), max(highest, float(allowed.max()))
        projected = after if unfilled is None else unfilled
        if before is not None:
            moved = np.abs(projected[inner].astype(np.float64) - before[inner]) > self.moved_by
            self._moved += int(moved.sum())
            self._compared += moved.size
        if unfilled is not None:
            raised = after[inner] > unfilled[inner]
            self._filled += int(raised.sum())
            self._could_fill += raised.size

    def build(self) -> Certificate:
        """The certificate of all blocks so far."""
        least, highest = self._limits or (self.limit, self.limit)
        return Certificate(
            slopes={name: degrees_of(value) for name, value in self._squared.items()},
            cell=self.cell,
            limit=highest,
            least_limit=least,
            cells=self._cells,
            over=self._over,
            share_near_limit=100 * self._near / max(self._cells, 1),
            near=NEAR,
            share_moved=100 * self._moved / self._compared if self._compared else None,
            moved_by=self.moved_by,
            share_filled=100 * self._filled / self._could_fill if self._could_fill else None,
        )


def certify(
    before: NDArray[Any] | None,
    after: NDArray[Any],
    cell: float,
    limit: float | NDArray[Any],
    *,
    unfilled: NDArray[Any] | None = None,
    moved_by: float = MOVED_BY,
    operators: Sequence[str] = tuple(OPERATORS),
) -> Certificate:
    """The certificate of ``after (H, W)`` in metres under ``limit`` degrees, one or a map.

    ``before`` is the surface before its projection, ``unfilled`` the projected one before its
    depressions were filled. Memory stays bounded, and ``after`` may be a memory map.
    """
    one = np.ndim(limit) == 0
    builder = CertificateBuilder(
        cell, float(limit) if one else math.inf, moved_by=moved_by, operators=operators
    )
    builder.add(after, before, limit=None if one else np.asarray(limit), unfilled=unfilled)
    return builder.build()
