"""Depressions filled to their outlets by a priority flood, which keeps a slope limit.

Each cell is raised to ``F(a) = max(z(a), min_b F(b) + eps)`` over its eight neighbours b, the
border staying as it is (Barnes, Lehman and Mulla, Comput. Geosci. 62, 117, 2014). Where
neighbours of ``z`` differ by at most k, ``F(a) <= max(F(b) + eps, z(b) + k)``, so those of F do
too for every ``eps <= k``. Tiles that share a border row can be filled apart, and keep the limit
across it.
"""

from __future__ import annotations

import heapq
import math
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from physgan.errors import InputError


@njit(cache=True, nogil=True)
def flood(z: np.ndarray, eps: float, source: np.ndarray) -> None:
    """Fill ``z (H, W)``, float32 or float64, in place.

    ``source (H, W)`` int64 becomes the flat index of the cell whose height each cell is filled
    to, for ``eps`` 0; of shape (0, 0) it is left alone.
    """
    # levels are added up in z's own precision, so that no rounding comes after the comparison
    rows, columns = z.shape
    gain = z.dtype.type(eps)
    traced = source.size > 0
    done = np.zeros((rows, columns), dtype=np.bool_)
    heap = [(z[0, 0], 0)]
    done[0, 0] = True
    for i in range(rows):
        for j in range(columns):
            if traced:
                source[i, j] = i * columns + j
            if (i in (0, rows - 1) or j in (0, columns - 1)) and not done[i, j]:
                done[i, j] = True
                heap.append((z[i, j], i * columns + j))
    heapq.heapify(heap)
    pool = np.empty(rows * columns, dtype=np.int64)
    taken = waiting = 0
    while taken < waiting or len(heap) > 0:
        if taken < waiting:
            at = pool[taken]
            taken += 1
        else:
            at = heapq.heappop(heap)[1]
        i, j = at // columns, at % columns
        level = z[i, j]
        if gain > 0:
            level = max(level + gain, np.nextafter(level, z.dtype.type(np.inf)))
        for p in range(max(i - 1, 0), min(i + 2, rows)):
            for q in range(max(j - 1, 0), min(j + 2, columns)):
                if done[p, q]:
                    continue
                done[p, q] = True
                if z[p, q] <= level:
                    z[p, q] = level
                    if traced:
                        source[p, q] = source[i, j]
                    if gain == 0:
                        # at the level of the lowest cell of the heap: it needs no heap
                        pool[waiting] = p * columns + q
                        waiting += 1
                        continue
                heapq.heappush(heap, (z[p, q], p * columns + q))


def fill(z: NDArray[Any], eps: float = 0.0) -> NDArray[Any]:
    """``z (H, W)`` with every depression filled, so that water reaches the border.

    ``eps`` in the unit of ``z`` is the least fall from a filled cell to the next; 0 leaves lakes
    level. It keeps a slope limit as long as it is at most the largest step to a side. The dtype
    stays; whole numbers are filled exactly and need a whole ``eps``. ``InputError`` for another
    shape, heights that are not finite, or an ``eps`` below 0.
    """
    z = np.asarray(z)
    if z.ndim != 2 or z.size == 0:
        raise InputError(f"heights are a grid of rows and columns, not {z.shape}")
    if not (eps >= 0 and math.isfinite(eps)):
        raise InputError(f"the fall over a filled cell is {eps}", fix="a finite number, 0 or more")
    whole = np.issubdtype(z.dtype, np.integer)
    if whole and eps != int(eps):
        raise InputError(f"whole heights cannot rise by {eps}", fix="a whole number of steps")
    filled = np.array(z, dtype=z.dtype if z.dtype == np.float32 else np.float64, order="C")
    if not np.isfinite(filled).all():
        raise InputError("some heights are not finite", fix="fill the holes first")
    flood(filled, float(eps), np.empty((0, 0), dtype=np.int64))
    if whole and filled.max() > np.iinfo(z.dtype).max:
        raise InputError(f"filled heights do not fit {z.dtype}", fix="a smaller fall")
    return filled.astype(z.dtype)
