"""Heights in whole steps, as 16-bit files hold them, with the slope limit intact.

Where the largest differences are whole numbers of steps, the envelopes of whole heights are whole
and exact, and rounding their mean down keeps the differences: ``|a - b| <= m`` for a whole m gives
``|floor(a) - floor(b)| <= m``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from physgan.errors import InputError
from physgan_terrain.slope.envelope import envelopes
from physgan_terrain.slope.limit_map import map_envelopes, map_steps
from physgan_terrain.slope.steps import check_heights, edge_steps

HIGHEST = 65535
"""Largest number of 16 bits."""

UNLIMITED = 1 << 40
"""Steps across an edge without a limit, above any difference of 32-bit heights."""


def _floor(differences: NDArray[np.float64], step: float) -> NDArray[np.int64]:
    free = np.isinf(differences)
    counts = np.floor(np.where(free, 0.0, differences) / step).astype(np.int64)
    return np.where(free, UNLIMITED, counts)


def _tallest(step: float, offset: float) -> float:
    return max(abs(offset), abs(offset + HIGHEST * step), 1.0)


def whole_steps(cell: float, max_slope: float, step: float, offset: float = 0.0) -> tuple[int, int]:
    """Most whole steps of ``step`` m to a side and to a corner under ``max_slope`` degrees.

    They leave room for heights ``offset + step * n`` being read as float32. ``InputError``
    where not one step fits.
    """
    axis, diagonal = edge_steps(cell, max_slope, np.float32, _tallest(step, offset))
    side, corner = int(_floor(axis, step)), int(_floor(diagonal, step))
    if side < 1:
        raise InputError(
            f"steps of {step:g} m are coarser than a slope of {max_slope:g} degrees allows",
            fix=f"steps of at most {float(axis):.3g} m",
        )
    return side, corner


def project_steps(n: NDArray[np.integer], axis: int, diagonal: int) -> NDArray[np.int64]:
    """Whole heights ``(H, W)`` whose neighbours differ by at most the whole steps given."""
    lower, upper = envelopes(n, axis, diagonal)
    return (lower + upper) >> 1


def quantise(
    z: NDArray[Any],
    step: float,
    offset: float,
    cell: float,
    max_slope: float | NDArray[Any],
) -> NDArray[np.uint16]:
    """``z (H, W)`` in metres as numbers n of 16 bits, ``offset + step * n`` within the limit.

    Heights are rounded to the nearest step, then projected. ``max_slope`` in degrees is one limit
    or a map ``(H, W)``; infinity means none. The slopes of the decoded heights keep it by Horn's
    and by Zevenbergen and Thorne's operator. ``InputError`` where the heights do not fit into 16
    bits, or the step is too coarse for the limit.
    """
    z = check_heights(z, np.inf)
    if not (np.isfinite(step) and step > 0 and np.isfinite(offset)):
        raise InputError(f"a step of {step} m from {offset} m", fix="a finite step above 0")
    low, high = float(z.min()), float(z.max())
    numbers = np.floor((z.astype(np.float64) - offset) / step + 0.5)
    if numbers.min() < 0 or numbers.max() > HIGHEST:
        fit = max((high - low) / (HIGHEST - 1), step)
        raise InputError(
            f"heights from {low:g} to {high:g} m do not fit into 16 bits, which hold "
            f"{offset:g} to {offset + HIGHEST * step:g} m",
            fix=f"for instance offset {np.floor(low):g} m and a step of {fit:.3g} m or more",
        )
    whole = numbers.astype(np.int64)
    if np.ndim(max_slope) == 0:
        whole = project_steps(whole, *whole_steps(cell, float(max_slope), step, offset))
    else:
        if np.shape(max_slope) != z.shape:
            raise InputError(f"the map of limits is {np.shape(max_slope)}, heights are {z.shape}")
        metres = map_steps(cell, np.asarray(max_slope), np.float32, _tallest(step, offset))
        if (metres < step).any():
            raise InputError(
                f"steps of {step:g} m are coarser than the least limit allows",
                fix=f"steps of at most {float(metres.min()):.3g} m",
            )
        lower, upper = map_envelopes(whole, _floor(metres, step))
        whole = (lower + upper) >> 1
    return whole.astype(np.uint16)


def written_halo(relief: float, step: float, offset: float, cell: float, max_slope: float) -> int:
    """Cells around a window within which heights can bear on its ``quantise``; see ``halo``.

    Of several limits ``max_slope`` is the least. Under a map of limits one more cell is needed.
    """
    if not (relief >= 0 and np.isfinite(relief)):
        raise InputError(f"the relief is {relief} m", fix="metres, 0 or more")
    axis, _ = whole_steps(cell, max_slope, step, offset)
    return int((relief / step + 1) // axis) + 1


def decode(numbers: NDArray[np.integer], step: float, offset: float) -> NDArray[np.float64]:
    """Heights in metres of the numbers that ``quantise`` gives."""
    return offset + step * np.asarray(numbers, dtype=np.float64)
