"""Compiled min-plus envelopes in the chamfer metric of eight neighbours.

The lower envelope of ``z`` is ``min_y z(y) + d(x, y)``, d the length of the shortest chain of
steps ``axis`` (to a side) and ``diagonal`` (to a corner). On a full rectangle the chain can be
ordered so that two raster passes find it (Rosenfeld and Pfaltz, J. ACM 13, 471, 1966; Borgefors,
CVGIP 34, 344, 1986), for heights as for distances. Steps obey ``axis <= diagonal <= 2 axis``.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def lower_envelope(z: np.ndarray, axis: float, diagonal: float) -> None:
    """Replace ``z (H, W)``, float64 or int64, by its lower envelope."""
    rows, columns = z.shape
    last = columns - 1
    for turn in range(2):
        for n in range(rows):
            row = z[n] if turn == 0 else z[rows - 1 - n]
            if n > 0:
                past = z[n - 1] if turn == 0 else z[rows - n]
                row[0] = min(row[0], past[0] + axis)
                if last > 0:
                    row[0] = min(row[0], past[1] + diagonal)
                    row[last] = min(row[last], past[last] + axis)
                    row[last] = min(row[last], past[last - 1] + diagonal)
                for j in range(1, last):
                    corner = min(past[j - 1], past[j + 1]) + diagonal
                    row[j] = min(row[j], min(past[j] + axis, corner))
            if turn == 0:
                for j in range(1, columns):
                    row[j] = min(row[j], row[j - 1] + axis)
            else:
                for j in range(last - 1, -1, -1):
                    row[j] = min(row[j], row[j + 1] + axis)


@njit(cache=True, nogil=True)
def lower_envelope_with_sources(
    z: np.ndarray, source: np.ndarray, axis: float, diagonal: float
) -> None:
    """The same, and ``source (H, W)`` int32: flat index of the cell that each value came from."""
    rows, columns = z.shape
    for i in range(rows):
        for j in range(columns):
            source[i, j] = i * columns + j
    for turn in range(2):
        for n in range(rows):
            i = n if turn == 0 else rows - 1 - n
            past = i - 1 if turn == 0 else i + 1
            if n > 0:
                for j in range(columns):
                    best = z[i, j]
                    origin = source[i, j]
                    if z[past, j] + axis < best:
                        best = z[past, j] + axis
                        origin = source[past, j]
                    if j > 0 and z[past, j - 1] + diagonal < best:
                        best = z[past, j - 1] + diagonal
                        origin = source[past, j - 1]
                    if j < columns - 1 and z[past, j + 1] + diagonal < best:
                        best = z[past, j + 1] + diagonal
                        origin = source[past, j + 1]
                    z[i, j] = best
                    source[i, j] = origin
            for m in range(1, columns):
                j = m if turn == 0 else columns - 1 - m
                side = j - 1 if turn == 0 else j + 1
                if z[i, side] + axis < z[i, j]:
                    z[i, j] = z[i, side] + axis
                    source[i, j] = source[i, side]
