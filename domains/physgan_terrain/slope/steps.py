"""How far two neighbouring cells may differ, so that no slope operator exceeds a limit.

With steps of at most ``k = cos(22.5 deg) tan(s) cell`` to a side and ``sqrt(2) k`` to a corner, the
slopes of Horn and of Zevenbergen and Thorne are at most s: the linear program over all 3 x 3
surfaces within the unit steps has the value ``WORST = 1 / cos(22.5 deg)``, which a plane falling
at 22.5 degrees from an axis attains. The steepest line to a neighbour is at most
``atan(cos(22.5 deg) tan(s)) < s``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from physgan.errors import InputError

WORST = 1 / math.cos(math.pi / 8)
"""Largest gradient by Horn, and by Zevenbergen and Thorne, over all surfaces of unit steps."""

TALLEST = 16384.0
"""m; heights beyond it, deeper or higher than Earth has, need a margin of their own."""

MARGIN = 1e-7
"""Share of each step that is left to rounding in double precision."""


def rounding(dtype: DTypeLike, tallest: float = TALLEST) -> float:
    """Spacing in m of the ``dtype`` numbers just below ``tallest``."""
    top, ground = np.array([tallest, 0], dtype=dtype)
    return float(np.spacing(np.nextafter(top, ground)))


def check_heights(z: NDArray[Any], tallest: float = TALLEST) -> NDArray[Any]:
    """``z (H, W)`` as float64 where it is, else as float32.

    ``InputError`` for another shape, for heights that are not finite or beyond ``tallest`` m.
    """
    z = np.asarray(z)
    if z.ndim != 2 or z.size == 0:
        raise InputError(f"heights are a grid of rows and columns, not {z.shape}")
    z = z if z.dtype == np.float64 else z.astype(np.float32)
    low, high = float(z.min()), float(z.max())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise InputError("some heights are not finite", fix="fill the holes first")
    if max(-low, high) > tallest:
        raise InputError(
            f"heights from {low:g} to {high:g} m, beyond {tallest:g} m",
            fix="metres, or a larger tallest=",
        )
    return z


def edge_steps(
    cell: float,
    max_slope: float | NDArray[Any],
    dtype: DTypeLike = np.float32,
    tallest: float = TALLEST,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Largest steps in m to a side and to a corner, of the shape of ``max_slope`` in degrees.

    They leave room for heights up to ``tallest`` m being rounded to ``dtype``, whatever the
    heights are, so that windows of one terrain agree. NaN and infinity mean no limit.
    ``InputError`` for a limit outside 0 to 90 degrees, or one that ``dtype`` cannot express.
    """
    if not (cell > 0 and math.isfinite(cell)):
        raise InputError(f"the cell size is {cell} m", fix="a length in metres above 0")
    limit = np.asarray(max_slope, dtype=np.float64)
    free = np.isnan(limit) | np.isposinf(limit)
    if not (free | ((limit > 0) & (limit <= 90))).all():
        raise InputError("the slope limit is outside 0 to 90", fix="degrees, above 0")
    rise = np.where(free, np.inf, np.tan(np.radians(np.where(free, 90.0, limit))))
    k = rise * cell / WORST * (1 - MARGIN)
    slack = rounding(dtype, tallest)
    if (k <= 2 * slack).any():
        least = math.degrees(math.atan(2 * slack * WORST / cell))
        raise InputError(
            f"{np.dtype(dtype)} heights up to {tallest:g} m cannot keep a slope limit of "
            f"{float(limit.min()):g} degrees on cells of {cell:g} m",
            fix=f"a limit above {least:.2g} degrees, or a smaller tallest=",
        )
    return k - slack, math.sqrt(2) * k - slack


def halo(relief: float, cell: float, max_slope: float, dtype: DTypeLike = np.float32) -> int:
    """Cells around a window within which heights can bear on its projection.

    ``relief`` in m is the largest difference of heights anywhere; of several limits ``max_slope``
    is the least, in degrees. A window projected with this halo equals, bit for bit, the same cells
    of the whole terrain projected.
    """
    if not (relief >= 0 and math.isfinite(relief)):
        raise InputError(f"the relief is {relief} m", fix="metres, 0 or more")
    axis = float(edge_steps(cell, max_slope, dtype)[0])
    return 0 if math.isinf(axis) else math.floor(relief / axis) + 1
