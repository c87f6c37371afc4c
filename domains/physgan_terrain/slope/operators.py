"""The slope operators of geographic information systems, on square cells, in degrees.

Operators differ on the same terrain, so a slope is always named with its operator:

- ``horn``: third-order weighted differences (Horn, Proc. IEEE 69, 14, 1981), the default of GDAL;
- ``zevenbergen-thorne``: central differences (Zevenbergen and Thorne, Earth Surf. Process. Landf.
  12, 47, 1987);
- ``steepest``: the steepest line to one of the eight neighbours, up or down (D8).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from physgan.errors import InputError

BLOCK_CELLS = 1 << 20
"""Cells that are measured at a time, so that temporaries stay at some tens of MB."""


def _horn_gradient(z: Any, cell: float) -> tuple[Any, Any]:
    # rows and columns are the last two axes, of an array or of a tensor
    west = z[..., :-2, :-2] + 2 * z[..., 1:-1, :-2] + z[..., 2:, :-2]
    east = z[..., :-2, 2:] + 2 * z[..., 1:-1, 2:] + z[..., 2:, 2:]
    north = z[..., :-2, :-2] + 2 * z[..., :-2, 1:-1] + z[..., :-2, 2:]
    south = z[..., 2:, :-2] + 2 * z[..., 2:, 1:-1] + z[..., 2:, 2:]
    return (east - west) / (8 * cell), (south - north) / (8 * cell)


def _horn_squared(z: NDArray[np.float64], cell: float) -> NDArray[np.float64]:
    across, down = _horn_gradient(z, cell)
    return across * across + down * down


def _central_squared(z: NDArray[np.float64], cell: float) -> NDArray[np.float64]:
    across = (z[1:-1, 2:] - z[1:-1, :-2]) / (2 * cell)
    down = (z[2:, 1:-1] - z[:-2, 1:-1]) / (2 * cell)
    return across * across + down * down


def _steepest_squared(z: NDArray[np.float64], cell: float) -> NDArray[np.float64]:
    rows, columns = z.shape
    most = np.zeros((rows - 2, columns - 2))
    for down in (0, 1, 2):
        for right in (0, 1, 2):
            if down == right == 1:
                continue
            other = z[down : rows - 2 + down, right : columns - 2 + right]
            rise = (other - z[1:-1, 1:-1]) / (cell * math.hypot(down - 1, right - 1))
            np.maximum(most, rise * rise, out=most)
    return most


_SQUARED: dict[str, Callable[[NDArray[np.float64], float], NDArray[np.float64]]] = {
    "horn": _horn_squared,
    "zevenbergen-thorne": _central_squared,
    "steepest": _steepest_squared,
}


def squared_gradient(z: NDArray[Any], cell: float, operator: str) -> NDArray[np.float64]:
    """Squared rise over run ``(H-2, W-2)`` of the interior cells of ``z (H, W)`` in metres.

    ``InputError`` for another shape, a cell size not above 0 or an unknown operator.
    """
    if operator not in _SQUARED:
        raise InputError(
            f"no slope operator called {operator!r}", fix=f"known: {', '.join(_SQUARED)}"
        )
    if np.ndim(z) != 2 or min(np.shape(z)) < 3:
        raise InputError(f"slopes need a grid of at least 3 x 3 cells, not {np.shape(z)}")
    if not cell > 0:
        raise InputError(f"the cell size is {cell} m", fix="a length in metres above 0")
    return _SQUARED[operator](np.asarray(z, dtype=np.float64), cell)


def slope(z: NDArray[Any], cell: float, operator: str = "horn") -> NDArray[np.float64]:
    """Slope ``(H-2, W-2)`` in degrees of the interior cells of ``z (H, W)``, both in metres."""
    squared = squared_gradient(z, cell, operator)
    np.sqrt(squared, out=squared)
    np.arctan(squared, out=squared)
    return np.degrees(squared, out=squared)


def horn(z: NDArray[Any], cell: float) -> NDArray[np.float64]:
    """Horn's slope ``(H-2, W-2)`` in degrees of the interior cells of ``z (H, W)``."""
    return slope(z, cell, "horn")


def zevenbergen_thorne(z: NDArray[Any], cell: float) -> NDArray[np.float64]:
    """Zevenbergen and Thorne's slope ``(H-2, W-2)`` in degrees of the interior cells of ``z``."""
    return slope(z, cell, "zevenbergen-thorne")


def steepest(z: NDArray[Any], cell: float) -> NDArray[np.float64]:
    """Slope ``(H-2, W-2)`` in degrees of the steepest of the lines to the eight neighbours."""
    return slope(z, cell, "steepest")


OPERATORS: dict[str, Callable[[NDArray[Any], float], NDArray[np.float64]]] = {
    "horn": horn,
    "zevenbergen-thorne": zevenbergen_thorne,
    "steepest": steepest,
}
"""The operators by name."""


def row_blocks(shape: tuple[int, int], cells: int = BLOCK_CELLS) -> Iterator[slice]:
    """Slices of rows that overlap by two, whose interiors make up the interior of the grid."""
    rows, columns = shape
    height = max(1, cells // max(columns, 1))
    for first in range(1, rows - 1, height):
        yield slice(first - 1, min(first + height, rows - 1) + 1)


def degrees_of(squared: float) -> float:
    """The slope in degrees of a squared gradient."""
    return math.degrees(math.atan(math.sqrt(squared)))


def largest_slope(z: NDArray[Any], cell: float, operator: str = "horn") -> float:
    """Largest slope in degrees of the interior cells, row block by row block.

    ``z (H, W)`` in metres may be a memory map. NaN where a height is NaN.
    """
    if np.ndim(z) != 2 or min(np.shape(z)) < 3:
        raise InputError(f"slopes need a grid of at least 3 x 3 cells, not {np.shape(z)}")
    blocks = row_blocks((z.shape[0], z.shape[1]))
    return degrees_of(float(np.max([squared_gradient(z[b], cell, operator).max() for b in blocks])))


def horn_batch(height: Tensor, cell: float) -> Tensor:
    """Horn's slope ``(B, 1, H-2, W-2)`` in degrees of ``height (B, 1, H, W)`` in metres.

    Differentiable; a flat cell has the gradient 0.
    """
    across, down = _horn_gradient(height, cell)
    squared = across.square() + down.square()
    steep = squared > 0
    # Flat cells keep off the square root, whose derivative at zero is infinite.
    rise = torch.where(steep, squared, 1.0).sqrt() * steep
    return torch.rad2deg(torch.atan(rise))
