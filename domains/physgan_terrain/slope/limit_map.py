"""The slope limit as a map: each cell has its own.

A slope operator at a cell reads the 3 x 3 cells around it, so an edge between two neighbours obeys
the least limit of all cells whose 3 x 3 surroundings contain both: six cells for an edge to a
side, four for one to a corner. (The lesser limit of its two ends would not do: the edge between two
steep cells bears on the slope of a gentle one beside them.) The envelopes are then shortest
paths over edges of different length, found by raster sweeps repeated until nothing changes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import DTypeLike, NDArray

from physgan.errors import InputError
from physgan_terrain.slope.steps import TALLEST, check_heights, edge_steps, halo


def edge_limits(limit: NDArray[Any]) -> NDArray[np.float64]:
    """Limit in degrees ``(4, H, W)`` of the edges from each cell to the east, south, south-east
    and south-west, from that of the cells ``limit (H, W)``. Edges off the grid have NaN."""
    limit = np.asarray(limit, dtype=np.float64)
    rows, columns = limit.shape
    wide = np.pad(limit, 1, constant_values=np.inf)
    # the least of three in a column, and of three in a row
    tall = np.minimum(np.minimum(wide[:-2], wide[1:-1]), wide[2:])[:, 1:-1]
    broad = np.minimum(np.minimum(wide[:, :-2], wide[:, 1:-1]), wide[:, 2:])[1:-1]
    edges = np.full((4, rows, columns), np.nan)
    edges[0, :, :-1] = np.minimum(tall[:, :-1], tall[:, 1:])
    edges[1, :-1] = np.minimum(broad[:-1], broad[1:])
    pair = np.minimum(limit[:-1], limit[1:])
    square = np.minimum(pair[:, :-1], pair[:, 1:])
    edges[2, :-1, :-1] = square
    edges[3, :-1, 1:] = square
    return edges


@njit(cache=True, nogil=True)
def _sweep_until_still(z: np.ndarray, step: np.ndarray) -> int:
    """Lower envelope in place of ``z (H, W)`` over edges ``step (4, H, W)``; rounds it took."""
    rows, columns = z.shape
    changed = True
    rounds = 0
    while changed:
        changed = False
        rounds += 1
        for i in range(rows):
            for j in range(columns):
                best = z[i, j]
                if i > 0:
                    best = min(best, z[i - 1, j] + step[1, i - 1, j])
                    if j > 0:
                        best = min(best, z[i - 1, j - 1] + step[2, i - 1, j - 1])
                    if j < columns - 1:
                        best = min(best, z[i - 1, j + 1] + step[3, i - 1, j + 1])
                if j > 0:
                    best = min(best, z[i, j - 1] + step[0, i, j - 1])
                if best < z[i, j]:
                    z[i, j] = best
                    changed = True
            for j in range(columns - 2, -1, -1):
                if z[i, j + 1] + step[0, i, j] < z[i, j]:
                    z[i, j] = z[i, j + 1] + step[0, i, j]
                    changed = True
        for i in range(rows - 1, -1, -1):
            for j in range(columns - 1, -1, -1):
                best = z[i, j]
                if i < rows - 1:
                    best = min(best, z[i + 1, j] + step[1, i, j])
                    if j > 0:
                        best = min(best, z[i + 1, j - 1] + step[3, i, j])
                    if j < columns - 1:
                        best = min(best, z[i + 1, j + 1] + step[2, i, j])
                if j < columns - 1:
                    best = min(best, z[i, j + 1] + step[0, i, j])
                if best < z[i, j]:
                    z[i, j] = best
                    changed = True
            for j in range(1, columns):
                if z[i, j - 1] + step[0, i, j - 1] < z[i, j]:
                    z[i, j] = z[i, j - 1] + step[0, i, j - 1]
                    changed = True
    return rounds


def map_envelopes(z: NDArray[Any], step: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Lower and upper envelope of ``z (H, W)`` over the largest steps ``step (4, H, W)``.

    Both float64 or both int64; the edges in the order of ``edge_limits``.
    """
    lower, upper = np.array(z, order="C"), np.array(-z, order="C")
    _sweep_until_still(lower, step)
    _sweep_until_still(upper, step)
    return lower, np.negative(upper, out=upper)


def map_steps(
    cell: float, limit: NDArray[Any], dtype: DTypeLike = np.float32, tallest: float = TALLEST
) -> NDArray[np.float64]:
    """Largest steps in m ``(4, H, W)`` of the edges, from ``limit (H, W)`` in degrees.

    ``InputError`` for NaN in the map, or limits outside 0 to 90 degrees.
    """
    limit = np.asarray(limit, dtype=np.float64)
    if np.isnan(limit).any():
        raise InputError("the map of limits has holes", fix="infinity where there is no limit")
    axis, diagonal = edge_steps(cell, edge_limits(limit), dtype, tallest)
    return np.concatenate((axis[:2], diagonal[2:]))


def project_to_map(
    z: NDArray[Any], cell: float, limit: NDArray[Any], *, tallest: float = TALLEST
) -> NDArray[Any]:
    """The surface nearest to ``z (H, W)`` in its worst cell whose edges keep ``limit (H, W)``.

    ``z`` and ``cell`` in metres, ``limit`` in degrees, infinite where there is none. float64
    stays float64, all else becomes float32; the slopes of Horn and of Zevenbergen and Thorne are
    at most ``limit`` at every interior cell. ``InputError`` for a map of another shape, NaN in it
    or limits outside 0 to 90 degrees.
    """
    z = check_heights(z, tallest)
    if np.shape(limit) != z.shape:
        raise InputError(f"the map of limits is {np.shape(limit)}, the heights are {z.shape}")
    step = map_steps(cell, limit, z.dtype, tallest)
    lower, upper = map_envelopes(z.astype(np.float64), step)
    lower += upper
    lower *= 0.5
    return lower.astype(z.dtype)


def map_halo(relief: float, cell: float, limit: NDArray[Any]) -> int:
    """``halo`` for a map of limits anywhere: that of the least, and a cell for the edges' rule."""
    return halo(relief, cell, float(np.min(limit))) + 1
