"""Flow routing and the scaling laws of river networks, for windows of 256 cells and more.

D8 directions (O'Callaghan & Mark 1984) on a surface without pits. Hack (1957): the longest
stream above a point grows as L ~ A^h, h = 0.5-0.6 in nature; the area distribution is
P(A >= a) ~ a^-tau (Rodriguez-Iturbe et al. 1992). Windows cut basins, so both are read against
real windows of the same size and not against the textbook.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from physgan.errors import InputError
from physgan_terrain.slope.fill import fill

from .stacks import as_stack

SMALLEST_WINDOW = 128
"""Cells per side under which the laws of a network say nothing."""
_GRADIENT = 1e-4
"""m per cell given to filled flats, so that water finds its way out of them."""
_BINS = 16


@dataclass(frozen=True)
class Flow:
    """Per cell ``(H, W)``: area that drains through it in m^2 (itself included), longest way of
    the water to it in m, and the length in m of its own step to the cell it drains to (0 where it
    leaves the window)."""

    area: NDArray[np.float64]
    length: NDArray[np.float64]
    step: NDArray[np.float64]


@dataclass(frozen=True)
class Network:
    """The river network of one window; an exponent is NaN where too few channels are there."""

    hack_exponent: float
    drainage_density: float
    area_exponent: float

    def as_dict(self) -> dict[str, float]:
        """The figures by name: exponents without unit, density in 1/km."""
        return asdict(self)


@njit(cache=True, nogil=True)
def _route(z, order):  # pragma: no cover - compiled
    """Cells drained and longest way, in cells, going down ``order`` (highest cell first)."""
    height, width = z.shape
    area = np.ones((height, width))
    length = np.zeros((height, width))
    step = np.zeros((height, width))
    for k in order:
        i, j = k // width, k % width
        best, bi, bj, bd = 0.0, -1, -1, 0.0
        for di in range(-1, 2):
            for dj in range(-1, 2):
                y, x = i + di, j + dj
                if (di == 0 and dj == 0) or y < 0 or x < 0 or y >= height or x >= width:
                    continue
                distance = np.sqrt(2.0) if di != 0 and dj != 0 else 1.0
                drop = (z[i, j] - z[y, x]) / distance
                if drop > best:
                    best, bi, bj, bd = drop, y, x, distance
        if bi >= 0:
            area[bi, bj] += area[i, j]
            length[bi, bj] = max(length[bi, bj], length[i, j] + bd)
            step[i, j] = bd
    return area, length, step


def flow(z: ArrayLike, cell: float) -> Flow:
    """Route water over ``z (H, W)`` in m, filled first; every cell drains to the steepest of its
    eight neighbours and leaves the window where none is lower."""
    stack = as_stack(z)
    if len(stack) != 1:
        raise InputError("flow is routed over one window at a time", fix="z of shape (H, W)")
    surface = np.asarray(fill(stack[0], eps=_GRADIENT), dtype=np.float64)
    order = np.argsort(-surface, axis=None, kind="stable")
    area, length, step = _route(surface, order)
    return Flow(area * cell**2, length * cell, step * cell)


def network(z: ArrayLike, cell: float, threshold: float = 1e6) -> Network:
    """Hack's exponent, drainage density (1/km) and exponent of the area distribution of a window.

    ``z (H, W)`` in m with sides of at least 128 cells of ``cell`` m. Channels are cells that
    drain ``threshold`` m^2 or more. Both exponents are fitted on 16 logarithmic bins: Hack's from
    the threshold up, the distribution's up to a twentieth of the window, beyond which its cut-off
    is seen. Raises InputError for smaller windows.
    """
    window = as_stack(z, smallest=SMALLEST_WINDOW)
    water = flow(window, cell)
    channel = water.area >= threshold
    whole = water.area.size * cell**2
    density = 1e3 * water.step[channel].sum() / whole
    return Network(
        _hack(water.area[channel], water.length[channel]),
        float(density),
        _area_exponent(np.sort(water.area, axis=None), threshold, whole / 20),
    )


def _hack(area: NDArray[np.float64], length: NDArray[np.float64]) -> float:
    kept = length > 0
    x, y = np.log(area[kept]), np.log(length[kept])
    if len(x) < _BINS or np.ptp(x) < 1:
        return float("nan")
    bins = np.minimum(((x - x.min()) / np.ptp(x) * _BINS).astype(int), _BINS - 1)
    members = np.bincount(bins, minlength=_BINS)
    full = members > 0
    means = [np.bincount(bins, weights=v, minlength=_BINS)[full] / members[full] for v in (x, y)]
    return float(np.polyfit(means[0], means[1], 1)[0])


def _area_exponent(ordered: NDArray[np.float64], low: float, high: float) -> float:
    if high < 2 * low:
        return float("nan")
    levels = np.geomspace(low, high, _BINS)
    share = 1 - np.searchsorted(ordered, levels, side="left") / len(ordered)
    if (share <= 0).any():
        return float("nan")
    return float(-np.polyfit(np.log(levels), np.log(share), 1)[0])
