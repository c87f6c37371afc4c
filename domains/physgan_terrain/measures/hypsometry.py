"""How area is spread over height: relief, hypsometric integral and curve."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .stacks import as_stack


def relief(z: ArrayLike) -> NDArray[np.float64]:
    """Highest minus lowest height in m, ``(N,)``."""
    stack = as_stack(z)
    return stack.max(axis=(1, 2)) - stack.min(axis=(1, 2))


def hypsometric_integral(z: ArrayLike) -> NDArray[np.float64]:
    """(mean - min) / (max - min) per tile ``(N,)`` (Pike & Wilson 1971); NaN for a flat tile."""
    stack = as_stack(z)
    height = relief(stack)
    above = stack.mean(axis=(1, 2)) - stack.min(axis=(1, 2))
    return np.divide(above, height, out=np.full(len(stack), np.nan), where=height > 0)


def hypsometric_curve(z: ArrayLike, points: int = 51) -> NDArray[np.float64]:
    """Relative area at or above each relative height (Strahler 1952), ``(N, points)``.

    Column j belongs to the relative height j / (points - 1) between the lowest and the highest
    cell; NaN for a flat tile.
    """
    stack = as_stack(z)
    out = np.full((len(stack), points), np.nan)
    levels = np.linspace(0, 1, points)
    for row, tile in zip(out, stack, strict=True):
        low, high = tile.min(), tile.max()
        if high > low:
            ordered = np.sort(tile, axis=None)
            below = np.searchsorted(ordered, low + levels * (high - low), side="left")
            row[:] = 1 - below / tile.size
    return out
