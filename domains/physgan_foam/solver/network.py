"""A film network on a torus: polylines joined in threes, held as half-edges in flat arrays.

Half-edge ``2 e`` runs along film ``e`` from its first point to its last, ``2 e + 1`` back; each
has its bubble on the left, so bubbles are walked counter-clockwise. Points are not wrapped into
the box: a film is continuous, and the copies of a junction differ by whole box lengths.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from physgan.errors import InputError

POINTS = 40
"""Most points of one film."""


class Network(NamedTuple):
    """E films, V junctions, C bubbles; dead ones keep their place until ``compact``.

    ``area`` is what the law says, in px^2: the polygon's area minus the ``debt`` of the films
    around it, which is area that each film has still to sweep to its left. ``lag`` is area owed
    to a bubble by the last pressures. ``side_time`` is the integral of ``sides`` over tau since
    the last frame. ``counts`` holds T1 events, vanished bubbles, and refusals of either kind.
    """

    points: NDArray[np.float64]  # (E, POINTS, 2)
    count: NDArray[np.int64]  # (E,) points in use, 0 for a dead film
    after: NDArray[np.int64]  # (2E,) next half-edge around the bubble
    before: NDArray[np.int64]  # (2E,)
    cell: NDArray[np.int64]  # (2E,) bubble on the left
    origin: NDArray[np.int64]  # (2E,) junction where it starts, -1 for a closed film
    spoke: NDArray[np.int64]  # (V,) one half-edge that leaves the junction, -1 for a dead one
    rim: NDArray[np.int64]  # (C,) one half-edge of the bubble, -1 for a dead one
    sides: NDArray[np.int64]  # (C,)
    euler: NDArray[np.int64]  # (C,) Euler characteristic: 1 for a disc
    ident: NDArray[np.int64]  # (C,) the bubble's name, kept for life
    debt: NDArray[np.float64]  # (E,)
    area: NDArray[np.float64]  # (C,)
    lag: NDArray[np.float64]  # (C,)
    pressure: NDArray[np.float64]  # (C,)
    side_time: NDArray[np.float64]  # (C,)
    box: NDArray[np.float64]  # (2,) width and height
    counts: NDArray[np.int64]  # (4,)

    @property
    def bubbles(self) -> int:
        return int((self.rim >= 0).sum())


@dataclass(frozen=True)
class Films:
    """Films as a user states them, on a periodic box of ``shape`` (H, W) pixels.

    ``paths`` are polylines ``(n, 2)`` of x, y; ``left`` and ``right`` ``(F,)`` name the bubbles
    beside each. Three films meet where paths end; a path that ends where it starts is closed.
    ``euler`` lists bubbles that are no discs with their Euler characteristic (band 0).
    """

    paths: Sequence[NDArray[np.float64]]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    shape: tuple[int, int]
    euler: tuple[tuple[int, int], ...] = ()


def build(films: Films) -> Network:
    """The network of ``films``. Raises InputError where a junction does not join three films."""
    from scipy.spatial import KDTree

    number = len(films.paths)
    points = np.zeros((number, POINTS, 2))
    count = np.zeros(number, np.int64)
    closed = np.zeros(number, bool)
    for e, path in enumerate(films.paths):
        if not 2 <= len(path) <= POINTS:
            raise InputError(
                f"a film has {len(path)} points", where=f"film {e}", fix=f"2 to {POINTS}"
            )
        points[e, : len(path)], count[e] = path, len(path)
        closed[e] = len(path) > 3 and np.allclose(path[0], path[-1])
    box = np.array(films.shape[::-1], dtype=float)
    last = count - 1
    ends = np.stack([points[:, 0], points[np.arange(number), last]], 1).reshape(-1, 2)
    inward = np.stack([points[:, 1], points[np.arange(number), last - 1]], 1).reshape(-1, 2) - ends
    origin = np.full(2 * number, -1, np.int64)
    after = np.arange(2 * number, dtype=np.int64)
    open_ends = np.flatnonzero(~np.repeat(closed, 2))
    spoke: list[int] = []
    if len(open_ends):
        wrapped = np.minimum(np.mod(ends[open_ends], box), np.nextafter(box, 0))
        near = KDTree(wrapped, boxsize=box).query_ball_point(wrapped, 1e-10 * box.max())
        for group in near:
            here = open_ends[group]
            if len(here) != 3:
                place = ", ".join(f"{x:.3f}" for x in wrapped[group[0]])
                raise InputError(f"{len(here)} films meet at ({place})", fix="three must")
            if origin[here[0]] >= 0:
                continue
            turn = np.arctan2(inward[here, 1], inward[here, 0])
            ring = here[np.argsort(turn)]
            origin[ring] = len(spoke)
            spoke.append(int(ring[0]))
            after[ring ^ 1] = np.roll(ring, 1)  # the clockwise neighbour follows on the left
    before = np.empty_like(after)
    before[after] = np.arange(2 * number)
    ident, cell = np.unique(np.stack([films.left, films.right], 1), return_inverse=True)
    cell = cell.reshape(-1).astype(np.int64)
    if (cell[after] != cell).any():
        e = int(np.flatnonzero(cell[after] != cell)[0]) // 2
        raise InputError("the bubbles beside the films do not close", where=f"film {e}")
    rim = np.zeros(len(ident), np.int64)
    rim[cell] = np.arange(2 * number)
    euler = np.ones(len(ident), np.int64)
    for name, value in films.euler:
        euler[np.flatnonzero(ident == name)] = value
    sides = np.bincount(cell[origin >= 0], minlength=len(ident)).astype(np.int64)
    empty = np.zeros(len(ident))
    network = Network(
        points, count, after, before, cell, origin, np.array(spoke, np.int64), rim, sides, euler,
        ident.astype(np.int64), np.zeros(number), empty.copy(), empty.copy(), empty.copy(),
        empty.copy(), box, np.zeros(4, np.int64),
    )  # fmt: skip
    from physgan_foam.solver.geometry import areas

    network.area[:] = areas(network)
    return network


def compact(net: Network) -> Network:
    """The same network without dead films, junctions and bubbles."""
    films, junctions = np.flatnonzero(net.count > 0), np.flatnonzero(net.spoke >= 0)
    bubbles = np.flatnonzero(net.rim >= 0)
    half = np.stack([2 * films, 2 * films + 1], 1).reshape(-1)
    new_half = np.full(len(net.after), -1, np.int64)
    new_half[half] = np.arange(len(half))
    new_vertex = np.full(len(net.spoke) + 1, -1, np.int64)
    new_vertex[junctions] = np.arange(len(junctions))
    new_cell = np.full(len(net.rim), -1, np.int64)
    new_cell[bubbles] = np.arange(len(bubbles))
    return Network(
        net.points[films], net.count[films], new_half[net.after[half]], new_half[net.before[half]],
        new_cell[net.cell[half]], new_vertex[net.origin[half]], new_half[net.spoke[junctions]],
        new_half[net.rim[bubbles]], net.sides[bubbles], net.euler[bubbles], net.ident[bubbles],
        net.debt[films], net.area[bubbles], net.lag[bubbles], net.pressure[bubbles],
        net.side_time[bubbles], net.box, net.counts,
    )  # fmt: skip
