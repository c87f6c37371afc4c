"""Where each depression spills: the priority flood as a choice of cells, which passes gradients.

The filled level of a cell is the height of one cell, its own or that of the outlet which holds the
water over it, ``F(a) = z(s(a))``. Away from ties ``s`` is locally constant, so the gradient of
``F`` is that of a gather.
"""

from __future__ import annotations

import heapq
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numba import njit
from torch import Tensor

from physgan_terrain.slope.fill import border_heap


@njit(cache=True, nogil=True)
def _spills(z: np.ndarray, source: np.ndarray) -> None:
    # source (H, W): flat index of the cell whose height each cell is filled to
    rows, columns = z.shape
    done, heap = border_heap(z)
    for i in range(rows):
        for j in range(columns):
            source[i, j] = i * columns + j
    pool = np.empty(rows * columns, dtype=np.int64)
    taken = waiting = 0
    while taken < waiting or len(heap) > 0:
        if taken < waiting:
            at = pool[taken]
            taken += 1
        else:
            at = heapq.heappop(heap)[1]
        origin = source[at // columns, at % columns]
        level = z[origin // columns, origin % columns]
        i, j = at // columns, at % columns
        for p in range(max(i - 1, 0), min(i + 2, rows)):
            for q in range(max(j - 1, 0), min(j + 2, columns)):
                if done[p, q]:
                    continue
                done[p, q] = True
                if z[p, q] <= level:
                    # under water, at the level of the lowest cell of the heap: it needs no heap
                    source[p, q] = origin
                    pool[waiting] = p * columns + q
                    waiting += 1
                else:
                    heapq.heappush(heap, (z[p, q], p * columns + q))


def filled(height: Tensor) -> Tensor:
    """``height (B, 1, H, W)`` with every depression filled to its outlet, the border staying as it
    is (Barnes, Lehman and Mulla, Comput. Geosci. 62, 117, 2014); differentiable."""
    z = height.detach().cpu().numpy()[:, 0]
    source = np.empty(z.shape, dtype=np.int64)
    threads = max(1, min(torch.get_num_threads(), len(z)))
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(_spills, z, source))
    index = torch.from_numpy(source).to(height.device).flatten(1)
    return height.flatten(1).gather(1, index).view_as(height)
