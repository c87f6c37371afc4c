"""Initial films: Voronoi foams, a honeycomb, one round bubble, and a band of fingers."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from physgan.errors import InputError
from physgan_foam.solver.network import Films


def voronoi(bubbles: int, shape: tuple[int, int], seed: int, *, lloyd: int = 0) -> Films:
    """Periodic Voronoi foam of ``bubbles`` uniform points in a box of ``shape`` (H, W) px.

    ``lloyd`` moves the points that many times to the centroids of their cells, which makes the
    foam more ordered. Bubbles are named 0 to ``bubbles - 1``. Raises InputError below 8 bubbles.
    """
    box = np.array(shape[::-1], dtype=float)
    sites = uniform_sites(bubbles, shape, seed)
    for _ in range(lloyd):
        sites = _centroids(sites, box) % box
    return films_of_sites(sites, shape)


def uniform_sites(bubbles: int, shape: tuple[int, int], seed: int) -> NDArray[np.float64]:
    """Uniform points ``(bubbles, 2)`` in x, y of a box of ``shape`` (H, W) px; InputError below
    8."""
    if bubbles < 8:
        raise InputError(f"{bubbles} bubbles are too few for a periodic foam", fix="8 or more")
    return np.random.default_rng(seed).random((bubbles, 2)) * np.array(shape[::-1], dtype=float)


def films_of_sites(sites: NDArray[np.float64], shape: tuple[int, int]) -> Films:
    """The periodic Voronoi films of ``sites`` (n, 2) in x, y."""
    box = np.array(shape[::-1], dtype=float)
    diagram, number = _tiled(sites, box)
    pairs = diagram.ridge_points
    ends = np.array(diagram.ridge_vertices)
    inner = (ends >= 0).all(1)
    ends, pairs = diagram.vertices[ends[inner]], pairs[inner]
    middle = ends.mean(1)
    kept = ((middle >= 0) & (middle < box)).all(1)
    ends, pairs = ends[kept], pairs[kept]
    along = ends[:, 1] - ends[:, 0]
    aside = diagram.points[pairs[:, 0]] - ends[:, 0]
    is_left = along[:, 0] * aside[:, 1] - along[:, 1] * aside[:, 0] > 0
    left = np.where(is_left, pairs[:, 0], pairs[:, 1]) % number
    right = np.where(is_left, pairs[:, 1], pairs[:, 0]) % number
    return Films(list(ends), left, right, shape)


def _tiled(sites: NDArray[np.float64], box: NDArray[np.float64]):
    from scipy.spatial import Voronoi

    shifts = [(x, y) for y in (0, 1, -1) for x in (0, 1, -1)]
    return Voronoi(np.concatenate([sites + np.array(s) * box for s in shifts])), len(sites)


def _centroids(sites: NDArray[np.float64], box: NDArray[np.float64]) -> NDArray[np.float64]:
    diagram, number = _tiled(sites, box)
    out = np.empty_like(sites)
    for i in range(number):
        corners = diagram.vertices[diagram.regions[diagram.point_region[i]]]
        away = corners - sites[i]
        ring = away[np.argsort(np.arctan2(away[:, 1], away[:, 0]))]
        following = np.roll(ring, -1, 0)
        cross = ring[:, 0] * following[:, 1] - ring[:, 1] * following[:, 0]
        out[i] = sites[i] + ((ring + following) * cross[:, None]).sum(0) / (3 * cross.sum())
    return out


def honeycomb(columns: int, rows: int, side: float) -> Films:
    """Regular hexagons of ``side`` px, ``columns`` by ``rows`` (even), in a box that fits them."""
    if rows % 2 or rows < 4 or columns < 3:
        raise InputError(f"no periodic honeycomb of {columns} x {rows}", fix="3 x 4, rows even")
    width, height = math.sqrt(3) * side, 1.5 * side
    i, j = np.meshgrid(np.arange(columns), np.arange(rows))
    sites = np.stack([(i + 0.5 * (j % 2) + 0.26) * width, (j + 0.27) * height], -1)
    box = columns * width, rows * height
    films = films_of_sites(sites.reshape(-1, 2), (box[1], box[0]))  # type: ignore[arg-type]
    return films


def circle(radius: float, shape: tuple[int, int], *, points: int = 33) -> Films:
    """Bubble 0, round, in the middle of bubble 1, which fills the rest of the torus."""
    turn = np.linspace(0, 2 * np.pi, points)
    path = np.stack([np.cos(turn), np.sin(turn)], 1) * radius + np.array(shape[::-1]) / 2
    path[-1] = path[0]
    return Films([path], np.array([0]), np.array([1]), shape, euler=((1, -1),))


def fingers(width: float, length: float, height: float) -> Films:
    """Fingers 0 and 1 of ``width`` px side by side, ``length`` long, in band 2 of a torus.

    Their walls end in junctions that travel along them at (pi/3) M gamma / width.
    """
    low, high = 0.5 * (height - length), 0.5 * (height + length)
    paths, left, right = [], [], []
    for finger in (0, 1):
        x, following = finger * width, (finger + 1) * width
        paths += [
            np.array([[x, low], [following, low]]),
            np.array([[x, high], [following, high]]),
            np.array([[x, low], [x, high]]),
        ]
        left += [finger, 2, 1 - finger]
        right += [2, finger, finger]
    box = (height, 2 * width)
    return Films(paths, np.array(left), np.array(right), box, euler=((2, 0),))  # type: ignore[arg-type]
