"""Voronoi cells of the sites of a periodic crystal, one polygon per neighbour, compiled.

The face that a site shares with the neighbour at `p` lies in the plane `x . p = |p|^2 / 2` (the
site at the origin). It is found by clipping a large square of that plane with the half-spaces of
all other neighbours, nearest first, until no farther neighbour can reach the polygon. There is no
global tessellation, so degenerate vertices (the rule in symmetric crystals) need no special case.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

MAX_NEIGHBOURS = 4096
MAX_IMAGES = 200_000
MAX_CORNERS = 64
HALF_WIDTH = 60.0
"""Half the edge of the starting square in Angstrom; a corner beyond it means an open cell."""


@njit(cache=True)
def neighbours_within(
    frac: np.ndarray, lattice: np.ndarray, heights: np.ndarray, site: int, radius: float
) -> tuple[np.ndarray, np.ndarray]:
    """Displacements (n,3) in Angstrom and site indices (n,), nearest first; n = 0 if too many.

    `frac` (N,3) must lie in [0,1); `heights` (3,) are the distances between lattice planes.
    """
    span = np.empty(3, np.int64)
    images = 1
    for axis in range(3):
        span[axis] = math.ceil(radius / heights[axis]) + 1
        images *= 2 * span[axis] + 1
    found = np.empty((MAX_NEIGHBOURS, 3))
    index = np.empty(MAX_NEIGHBOURS, np.int64)
    squared = np.empty(MAX_NEIGHBOURS)
    count = 0
    if images * frac.shape[0] > MAX_IMAGES:
        return found[:0], index[:0]
    limit = (radius + 1e-8) ** 2
    for other in range(frac.shape[0]):
        for a in range(-span[0], span[0] + 1):
            for b in range(-span[1], span[1] + 1):
                for c in range(-span[2], span[2] + 1):
                    if other == site and a == 0 and b == 0 and c == 0:
                        continue
                    u = frac[other, 0] - frac[site, 0] + a
                    v = frac[other, 1] - frac[site, 1] + b
                    w = frac[other, 2] - frac[site, 2] + c
                    x = u * lattice[0, 0] + v * lattice[1, 0] + w * lattice[2, 0]
                    y = u * lattice[0, 1] + v * lattice[1, 1] + w * lattice[2, 1]
                    z = u * lattice[0, 2] + v * lattice[1, 2] + w * lattice[2, 2]
                    distance = x * x + y * y + z * z
                    if distance <= limit:
                        if count == MAX_NEIGHBOURS:
                            return found[:0], index[:0]
                        found[count, 0], found[count, 1], found[count, 2] = x, y, z
                        index[count] = other
                        squared[count] = distance
                        count += 1
    order = np.argsort(squared[:count])
    return found[:count][order], index[:count][order]


@njit(cache=True)
def _square(p: np.ndarray, polygon: np.ndarray) -> None:
    """Write the starting square in the bisecting plane of `p` to `polygon[:4]`."""
    smallest = 0
    for axis in range(1, 3):
        if abs(p[axis]) < abs(p[smallest]):
            smallest = axis
    axis = np.zeros(3)
    axis[smallest] = 1.0
    u = np.cross(p, axis)
    u /= np.sqrt((u * u).sum())
    v = np.cross(p, u)
    v /= np.sqrt((v * v).sum())
    for corner in range(4):
        s = HALF_WIDTH if corner in (0, 3) else -HALF_WIDTH
        t = HALF_WIDTH if corner in (0, 1) else -HALF_WIDTH
        for d in range(3):
            polygon[corner, d] = 0.5 * p[d] + s * u[d] + t * v[d]


@njit(cache=True)
def _clip(polygon: np.ndarray, size: int, p: np.ndarray, spare: np.ndarray) -> int:
    """Keep the part of the convex polygon on the origin's side of the bisecting plane of `p`."""
    offset = 0.5 * (p[0] * p[0] + p[1] * p[1] + p[2] * p[2])
    kept = 0
    last = size - 1
    before = p[0] * polygon[last, 0] + p[1] * polygon[last, 1] + p[2] * polygon[last, 2] - offset
    for corner in range(size):
        here = (
            p[0] * polygon[corner, 0]
            + p[1] * polygon[corner, 1]
            + p[2] * polygon[corner, 2]
            - offset
        )
        if (here < 0.0) != (before < 0.0):
            t = before / (before - here)
            for d in range(3):
                spare[kept, d] = polygon[last, d] + t * (polygon[corner, d] - polygon[last, d])
            kept += 1
        if here < 0.0:
            for d in range(3):
                spare[kept, d] = polygon[corner, d]
            kept += 1
        last, before = corner, here
    for corner in range(kept):
        for d in range(3):
            polygon[corner, d] = spare[corner, d]
    return kept


@njit(cache=True)
def voronoi_faces(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Faces of the Voronoi cell of the origin among `points` (n,3), nearest first.

    Returns the indices of the neighbours that own a face (f,), the solid angles of the faces in
    steradian (f,), their areas in Angstrom^2 (f,), and the radius of the farthest corner.
    """
    total = points.shape[0]
    owner = np.empty(total, np.int64)
    solid = np.empty(total)
    area = np.empty(total)
    polygon = np.empty((MAX_CORNERS, 3))
    spare = np.empty((MAX_CORNERS, 3))
    faces = 0
    farthest = 0.0
    norms = np.sqrt((points * points).sum(axis=1))
    for face in range(total):
        _square(points[face], polygon)
        size = 4
        reach = 2.0 * HALF_WIDTH
        for other in range(total):
            if other == face:
                continue
            if 0.5 * norms[other] > reach:
                break
            size = _clip(polygon, size, points[other], spare)
            if size < 3 or size > MAX_CORNERS - 2:
                break
            reach = 0.0
            for corner in range(size):
                r = math.sqrt(
                    polygon[corner, 0] ** 2 + polygon[corner, 1] ** 2 + polygon[corner, 2] ** 2
                )
                reach = max(reach, r)
        if size < 3:
            continue
        angle, surface = _measure(polygon, size, points[face], norms[face])
        if surface < 1e-12:
            continue
        owner[faces], solid[faces], area[faces] = face, angle, surface
        farthest = max(farthest, reach)
        faces += 1
    return owner[:faces], solid[:faces], area[:faces], farthest


@njit(cache=True)
def _measure(polygon: np.ndarray, size: int, p: np.ndarray, norm: float) -> tuple[float, float]:
    """Solid angle (Van Oosterom and Strackee, 1983) and area of a polygon seen from the origin."""
    angle = 0.0
    triple_sum = 0.0
    a = polygon[0]
    la = math.sqrt((a * a).sum())
    for corner in range(1, size - 1):
        b, c = polygon[corner], polygon[corner + 1]
        lb, lc = math.sqrt((b * b).sum()), math.sqrt((c * c).sum())
        triple = abs(
            a[0] * (b[1] * c[2] - b[2] * c[1])
            + a[1] * (b[2] * c[0] - b[0] * c[2])
            + a[2] * (b[0] * c[1] - b[1] * c[0])
        )
        below = la * lb * lc + lc * (a * b).sum() + lb * (a * c).sum() + la * (b * c).sum()
        angle += 2.0 * math.atan2(triple, below)
        triple_sum += triple
    # triple / 6 is the volume of a tetrahedron, height * area / 3 that of the whole pyramid.
    return angle, triple_sum / norm
