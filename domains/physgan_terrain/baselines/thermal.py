"""Thermal weathering: material above the angle of repose slides to lower neighbours.

Musgrave, Kolb and Mace, Computer Graphics 23(3), 41, 1989, on eight neighbours. The limit is
reached only in the limit of many iterations.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from physgan.errors import InputError
from physgan_terrain.slope.steps import check_heights, edge_steps


@njit(cache=True, nogil=True)
def _relax(z: np.ndarray, axis: float, diagonal: float, iterations: int, rate: float) -> None:
    rows, columns = z.shape
    flow = np.zeros_like(z)
    for _ in range(iterations):
        flow[:] = 0.0
        still = True
        for i in range(rows):
            for j in range(columns):
                total = 0.0
                most = 0.0
                for p in range(max(i - 1, 0), min(i + 2, rows)):
                    for q in range(max(j - 1, 0), min(j + 2, columns)):
                        step = diagonal if p != i and q != j else axis
                        excess = z[i, j] - z[p, q] - step
                        if excess > 0.0:
                            total += excess
                            most = max(most, excess)
                if total == 0.0:
                    continue
                still = False
                share = rate * most / total
                for p in range(max(i - 1, 0), min(i + 2, rows)):
                    for q in range(max(j - 1, 0), min(j + 2, columns)):
                        step = diagonal if p != i and q != j else axis
                        excess = z[i, j] - z[p, q] - step
                        if excess > 0.0:
                            flow[p, q] += share * excess
                flow[i, j] -= rate * most
        if still:
            return
        z += flow


def relax(
    z: NDArray[Any], cell: float, max_slope: float, *, iterations: int = 200, rate: float = 0.25
) -> NDArray[Any]:
    """``z (H, W)`` in metres after at most ``iterations`` rounds of sliding; its mean stays.

    In each, a cell gives away ``rate`` of its largest excess over the step that ``max_slope``
    degrees allow, shared by the neighbours in proportion to their excess. ``InputError`` for a
    rate outside 0 to 0.5, or an iteration count below 0.
    """
    if not 0 < rate <= 0.5:
        raise InputError(f"a rate of {rate}", fix="above 0, at most 0.5")
    if iterations < 0:
        raise InputError(f"{iterations} iterations", fix="0 or more")
    z = check_heights(z)
    axis, diagonal = edge_steps(cell, max_slope, z.dtype)
    relaxed = z.astype(np.float64)
    _relax(relaxed, float(axis), float(diagonal), iterations, rate)
    return relaxed.astype(z.dtype)
