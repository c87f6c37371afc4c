"""Laplace's law, from pixels: films of a dry foam are arcs whose curvatures are pressure
differences, kappa_ab = (P_a - P_b) / ((1 - beta) gamma).

A metric of foams at small beta, not a penalty: pixels leave much noise on a curvature.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from physgan_foam.labels import Labels

SHORTEST = 10
"""Pixel edges that a film has at least whose curvature is read."""


class Films(NamedTuple):
    """Films between bubbles ``first < second`` (F,), how many pixel ``edges`` long, and their
    ``curvature`` in 1/px, positive where the film bulges towards ``second``."""

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    edges: NDArray[np.int64]
    curvature: NDArray[np.float64]


def films(labels: Labels) -> Films:
    """The films of ``labels (H, W)`` on a torus, by a parabola along the chord of each.

    Two bubbles that meet in two places count as one film, whose fit is then poor.
    """
    low, high, place, outward = _edges(labels)
    _, first, film = np.unique(low * labels.size + high, return_index=True, return_inverse=True)
    count = np.bincount(film)
    box = np.array(labels.shape, float)
    away = place - place[first][film]
    away -= box * np.round(away / box)
    centre = _sums(film, away) / count[:, None]
    away -= centre[film]
    yy, xx, xy = (np.bincount(film, p) for p in (away[:, 0] ** 2, away[:, 1] ** 2, away.prod(1)))
    angle = 0.5 * np.arctan2(2 * xy, xx - yy)
    along = np.stack([np.sin(angle), np.cos(angle)], 1)
    across = np.stack([np.cos(angle), -np.sin(angle)], 1)
    across *= np.sign((across * _sums(film, outward)).sum(1) + 1e-12)[:, None]
    u, v = (away * along[film]).sum(1), (away * across[film]).sum(1)
    power = np.stack([np.bincount(film, u**k) for k in range(5)])
    right = np.stack([np.bincount(film, v * u**k) for k in range(3)], 1)
    normal = np.moveaxis(power[np.add.outer(np.arange(3), np.arange(3))], 2, 0)
    kept = count >= SHORTEST
    fit = np.linalg.solve(normal[kept] + 1e-9 * np.eye(3), right[kept][..., None])[..., 0]
    curvature = -2 * fit[:, 2] / (1 + fit[:, 1] ** 2) ** 1.5
    return Films(low[first][kept], high[first][kept], count[kept], curvature)


def laplace_r2(labels: Labels) -> float:
    """How much of the films' curvature differences of bubble pressures explain, at most 1.

    Pressures are the best in least squares, each film as heavy as it is long; 1 less the share of
    the squares that is left, for as many degrees of freedom.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.linalg import lsqr

    found = films(labels)
    number, bubbles = len(found.edges), int(labels.max()) + 1
    used = len(np.unique(np.concatenate([found.first, found.second])))
    if number <= used:
        return float("nan")
    root = np.sqrt(found.edges.astype(float))
    rows = np.tile(np.arange(number), 2)
    columns = np.concatenate([found.first, found.second])
    matrix = coo_matrix((np.concatenate([root, -root]), (rows, columns)), (number, bubbles)).tocsr()
    wanted = root * found.curvature
    left = matrix @ lsqr(matrix, wanted)[0] - wanted
    free = (number - used + 1) / number
    return float(1 - (left @ left) / free / (wanted @ wanted))


def _edges(labels: Labels) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray, NDArray]:
    """Edges between pixels of two labels: the lower and the higher, the middle ``(E, 2)`` in y and
    x, and the direction ``(E, 2)`` from the lower's pixel to the higher's."""
    parts = []
    for axis in (0, 1):
        other = np.roll(labels, -1, axis)
        y, x = np.nonzero(labels != other)
        a, b = labels[y, x].astype(np.int64), other[y, x].astype(np.int64)
        step = np.zeros((len(y), 2))
        step[:, axis] = 1.0
        place = np.stack([y, x], 1) + 0.5 * step
        parts.append((np.minimum(a, b), np.maximum(a, b), place, step * np.sign(b - a)[:, None]))
    low, high, place, outward = (np.concatenate(part) for part in zip(*parts, strict=True))
    return low, high, place, outward


def _sums(film: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([np.bincount(film, values[:, axis]) for axis in (0, 1)], 1).astype(float)
