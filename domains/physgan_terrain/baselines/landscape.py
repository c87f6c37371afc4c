"""Landscape evolution: rivers cut into rising ground and hillslopes creep after them.

``dz/dt = U - K A^m |grad z|^n + D lap z``, with slopes that fail at a critical gradient. Stream
power: Howard, Water Resour. Res. 30, 2261, 1994; its implicit solution in one pass down the
drainage tree: Braun & Willett, Geomorphology 180-181, 170, 2013. Water leaves pits over their
lowest rim (priority flood, Barnes et al., Comput. Geosci. 62, 117, 2014).
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray

from physgan.errors import InputError

Field = NDArray[np.float64]
_NEWTON = 50
_PRECISE = 1e-12


@dataclass(frozen=True)
class Law:
    """Rates of one landscape; fields are numbers or ``(H, W)``.

    ``uplift`` in m/yr; ``erodibility`` in m^(1-2m)/yr; ``diffusivity`` in m^2/yr; ``critical`` is
    the gradient (not an angle) beyond which slopes fail.
    """

    uplift: ArrayLike
    erodibility: ArrayLike
    m: float = 0.5
    n: float = 1.0
    diffusivity: float = 0.0
    critical: ArrayLike = np.inf


@njit(cache=True, nogil=True)
def _route(z, base, tilt):  # pragma: no cover - compiled
    """Cells from the base level upwards, what each drains to, and the way there in cells.

    Cells above water level take their steepest descent, flooded ones the way of the flood.
    """
    rows, columns = z.shape
    order = np.empty(z.size, np.int64)
    receiver = np.arange(z.size)
    way = np.ones(z.size)
    level = z.copy()
    seen = base.copy()
    heap = [(0.0, 0) for _ in range(0)]
    for i in range(rows):
        for j in range(columns):
            if base[i, j]:
                heapq.heappush(heap, (z[i, j], i * columns + j))
    count = 0
    while heap:
        _, k = heapq.heappop(heap)
        order[count] = k
        count += 1
        i, j = k // columns, k % columns
        steepest, dry = 0.0, level[i, j] == z[i, j]
        for di in range(-1, 2):
            for dj in range(-1, 2):
                p, q = i + di, j + dj
                if (di == 0 and dj == 0) or p < 0 or q < 0 or p >= rows or q >= columns:
                    continue
                distance = np.sqrt(2.0) if di != 0 and dj != 0 else 1.0
                if not seen[p, q]:
                    seen[p, q] = True
                    level[p, q] = max(z[p, q], level[i, j])
                    receiver[p * columns + q] = k
                    way[p * columns + q] = distance
                    heapq.heappush(heap, (level[p, q], p * columns + q))
                elif dry and not base[i, j] and level[p, q] < level[i, j]:
                    effective = distance + tilt[i, j] if distance > 1 else distance
                    slope = (level[i, j] - level[p, q]) / effective
                    if slope > steepest:
                        steepest = slope
                        receiver[k] = p * columns + q
                        way[k] = distance
    return order[:count], receiver, way


@njit(cache=True, nogil=True)
def _drained(order, receiver, rain):  # pragma: no cover - compiled
    """Of each cell, the sum of ``rain`` over all that drains through it."""
    area = rain.copy()
    for at in range(len(order) - 1, -1, -1):
        k = order[at]
        if receiver[k] != k:
            area[receiver[k]] += area[k]
    return area


@njit(cache=True, nogil=True)
def _incise(z, order, receiver, fall, power, n, critical):  # pragma: no cover - compiled
    """One implicit step in place: ``z`` with the uplift added, ``fall`` the distance in m to the
    receiver, ``power`` K A^m dt / fall^n."""
    for k in order:
        low = z[receiver[k]]
        start = z[k] - low
        if receiver[k] == k or start <= 0:
            continue
        drop = start / (1 + power[k])
        if n != 1:
            for _ in range(_NEWTON):
                pull = power[k] * drop**n
                change = (drop + pull - start) / (1 + n * pull / drop)
                drop = max(drop - change, 1e-3 * drop)
                if abs(change) <= _PRECISE * start:
                    break
        z[k] = low + min(drop, critical[k] * fall[k])


@njit(cache=True, nogil=True)
def _creep(z, base, number, times):  # pragma: no cover - compiled
    """``times`` explicit steps of diffusion; ``number`` is D dt / cell^2 of one, at most 1/4."""
    rows, columns = z.shape
    for _ in range(times):
        old = z.copy()
        for i in range(rows):
            for j in range(columns):
                if base[i, j]:
                    continue
                up, down = old[max(i - 1, 0), j], old[min(i + 1, rows - 1), j]
                left, right = old[i, max(j - 1, 0)], old[i, min(j + 1, columns - 1)]
                z[i, j] = old[i, j] + number * (up + down + left + right - 4 * old[i, j])


@dataclass(frozen=True)
class Drainage:
    """``order`` from the outlets upwards, the ``receiver`` of each cell (itself at an outlet), the
    ``fall (N,)`` in m to it and the drained ``area (N,)`` in m^2, all of flat cell numbers."""

    order: NDArray[np.int64]
    receiver: NDArray[np.int64]
    fall: Field
    area: Field


def drainage(z: Field, base: NDArray[np.bool_], cell: float, tilt: Field | None = None) -> Drainage:
    """Where water on ``z (H, W)`` in m goes, on cells of ``cell`` m, to leave at ``base (H, W)``.

    ``tilt (H, W)`` in cells lengthens diagonals when directions are chosen (in the spirit of Rho8,
    Fairfield & Leymarie, Water Resour. Res. 27, 709, 1991), so that uneven ground breaks the eight
    preferred directions. InputError where no cell is a base.
    """
    if not base.any():
        raise InputError("no cell of the landscape is a base level", fix="mark an outlet")
    tilt = np.zeros(z.shape) if tilt is None else tilt
    order, receiver, way = _route(np.asarray(z, np.float64), np.asarray(base), tilt)
    return Drainage(
        order, receiver, way * cell, _drained(order, receiver, np.full(z.size, cell**2))
    )


def evolve(
    z: Field,
    base: NDArray[np.bool_],
    law: Law,
    cell: float,
    years: float,
    steps: int,
    tilt: Field | None = None,
) -> Field:
    """Heights (H, W) in m after ``years`` in ``steps`` equal steps; ``base`` keeps its heights.

    InputError for no step or no time, as ``drainage`` raises, and for m or n not above 0.
    """
    if steps < 1 or not years > 0:
        raise InputError(f"{steps} steps over {years} years", fix="at least one, above 0")
    if law.m < 0 or law.n <= 0:
        raise InputError(f"exponents m {law.m} and n {law.n}", fix="m of 0 or more, n above 0")
    z, dt = np.array(z, dtype=np.float64), years / steps
    rise = np.where(base, 0.0, np.broadcast_to(law.uplift, z.shape)) * dt
    soft = np.broadcast_to(law.erodibility, z.shape).ravel() * dt
    critical = np.ascontiguousarray(np.broadcast_to(law.critical, z.shape), np.float64).ravel()
    number = law.diffusivity * dt / cell**2
    times = int(np.ceil(4 * number))
    for _ in range(steps):
        z += rise
        water = drainage(z, base, cell, tilt)
        power = soft * water.area**law.m / water.fall**law.n
        _incise(z.ravel(), water.order, water.receiver, water.fall, power, law.n, critical)
        if times:
            _creep(z, base, number / times, times)
    return z
