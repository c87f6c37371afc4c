"""Depressions filled until no more than so much water would be left in them.

Their floors rise first by the smoothed depth of the water, which leaves the small pits on them as
they are. What is too much then is filled depression by depression: where each cell of one keeps
the same part of its depth, its outlet and its outline stay. Small ones keep all of theirs and large
ones little, because real terrain has many small ones and few large.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat

import numpy as np
from numba import njit
from numpy.typing import NDArray

from physgan_terrain.slope.fill import flood

FLOORS, GENTLE = (3, 0.9), (2, 0.7)
"""Times that floors rise and by how much of the smoothed depth, in tiles and in worlds, whose
hollows are so large that more would leave lakes."""
ENOUGH = 1.5
"""Times as much water as there may be; with less, floors do not rise."""
BINOMIAL = np.array([1, 8, 28, 56, 70, 56, 28, 8, 1]) / 256
"""Of 1.4 cells' deviation."""
HALVINGS = 60


@njit(cache=True, nogil=True)
def drain(z: np.ndarray, share: float, exact: bool = True) -> None:
    """Fill ``z (H, W)``, float64 or int64, in place, so far that the mean depth of the water that
    a flood would leave is at most ``share`` of the relief of the flooded surface.

    The border and the outlets stay, whole numbers stay whole, nothing rises over its water; once
    drained, a surface is not changed again. If not ``exact``, floors only rise, and some more water
    may be left.
    """
    rows, columns = z.shape
    full = z.astype(np.float64)
    flood(full, 0.0, np.empty((0, 0), dtype=np.int64))
    most = share * (full.max() - full.min()) * z.size
    if (full - z).sum() <= most * (1 + 1e-9):
        return
    rounds, part = FLOORS if exact else GENTLE
    for _ in range(rounds):
        depth = full - z
        if depth.sum() <= ENOUGH * most:
            break
        for i in range(rows):
            for j in range(columns):
                if depth[i, j] > 0:
                    rise = part * min(_smoothed(depth, i, j), depth[i, j])
                    z[i, j] += z.dtype.type(rise)
    if not exact:
        return
    pool, water = _pools(z, full)
    low, high = 0.0, water.max()
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        if (water * _kept(middle, water)).sum() > most:
            high = middle
        else:
            low = middle
    kept = _kept(low, water)
    for i in range(rows):
        for j in range(columns):
            k = pool[i, j]
            if k >= 0 and kept[k] < 1.0:
                # Whole numbers are cut off downwards: what is left of the water is never more.
                z[i, j] = full[i, j] - z.dtype.type(kept[k] * (full[i, j] - z[i, j]))


@njit(cache=True, nogil=True)
def _kept(least: float, water: np.ndarray) -> np.ndarray:
    """The part of their ``water`` that depressions keep: all up to ``least``, then ever less."""
    share = np.minimum(1.0, least / water)
    return share * share


@njit(cache=True, nogil=True)
def _smoothed(depth: np.ndarray, i: int, j: int) -> float:
    """``depth (H, W)``, zero beyond the border, under ``BINOMIAL`` at one cell."""
    total = 0.0
    for p in range(max(i - 4, 0), min(i + 5, depth.shape[0])):
        along = 0.0
        for q in range(max(j - 4, 0), min(j + 5, depth.shape[1])):
            along += BINOMIAL[q - j + 4] * depth[p, q]
        total += BINOMIAL[p - i + 4] * along
    return total


@njit(cache=True, nogil=True)
def _pools(z: np.ndarray, full: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The depression of each cell ``(H, W)``, -1 for dry ones, and the water in each."""
    rows, columns = z.shape
    pool = np.full((rows, columns), -1, dtype=np.int64)
    water = np.zeros(z.size)
    waiting = np.empty(z.size, dtype=np.int64)
    found = 0
    for start in range(z.size):
        i, j = start // columns, start % columns
        if pool[i, j] >= 0 or full[i, j] <= z[i, j]:
            continue
        pool[i, j] = found
        waiting[0], last = start, 1
        while last > 0:
            last -= 1
            i, j = waiting[last] // columns, waiting[last] % columns
            water[found] += full[i, j] - z[i, j]
            for p in range(max(i - 1, 0), min(i + 2, rows)):
                for q in range(max(j - 1, 0), min(j + 2, columns)):
                    if pool[p, q] < 0 and full[p, q] > z[p, q]:
                        pool[p, q] = found
                        waiting[last] = p * columns + q
                        last += 1
        found += 1
    return pool, water[:found]


def drain_blocks(z: NDArray[np.int64], share: float, block: int, threads: int = 1) -> None:
    """Let floors rise, as in ``drain``, in each block of ``block`` cells a side of ``z (H, W)``, in
    place; what is left over at the end of a row or a column stays."""
    rows = (z[i : i + block] for i in range(0, z.shape[0] - block + 1, block))
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(_drain_row, rows, repeat(share)))


@njit(cache=True, nogil=True)
def _drain_row(z: np.ndarray, share: float) -> None:
    """Square blocks side by side."""
    block = z.shape[0]
    for j in range(0, z.shape[1] - block + 1, block):
        part = z[:, j : j + block].copy()
        drain(part, share, False)
        z[:, j : j + block] = part


def drained(z: NDArray[np.float64], shares: Iterable[float]) -> NDArray[np.float64]:
    """Each of ``z (N, H, W)`` drained to its share; NaN leaves it as it is."""
    out = np.array(z, dtype=np.float64, order="C")
    for tile, share in zip(out, shares, strict=True):
        if share >= 0:
            drain(tile, float(share))
    return out
