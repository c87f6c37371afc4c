"""CrystalNN site fingerprints from Voronoi faces, compiled; see `fast_fingerprint`."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from physgan_crystal.metrics.motif_kernel import order_parameters
from physgan_crystal.metrics.voronoi_kernel import HALF_WIDTH, neighbours_within, voronoi_faces

LARGEST = 24
"""Highest coordination number of the fingerprint."""


@njit(cache=True)
def _quarter_circle(low: float, high: float) -> float:
    """Share of a quarter of the unit disc between the abscissas `low` and `high`."""
    below = low * math.sqrt(1.0 - low * low) + math.asin(low)
    above = high * math.sqrt(max(1.0 - high * high, 0.0)) + math.asin(min(high, 1.0))
    return (above - below) / (0.5 * math.pi)


@njit(cache=True)
def _bond_weights(
    site: int,
    owner: np.ndarray,
    solid: np.ndarray,
    area: np.ndarray,
    norms: np.ndarray,
    radius: np.ndarray,
    affinity: np.ndarray,
) -> np.ndarray:
    """Weights (f,) of the faces' neighbours before rounding (Pan et al., Inorg. Chem. 60, 1590,
    2021): solid angle, corrected for open structures, for the difference of electronegativity,
    and faded out between 0.5 and 1 Angstrom beyond the sum of the radii.
    """
    weight = solid * solid / area
    for f in range(owner.shape[0]):
        gap = abs(affinity[site] - affinity[owner[f]])
        if not math.isnan(gap):
            weight[f] *= 1.0 + 3.0 * math.sqrt(gap / 3.3)
    weight /= weight.max()
    for f in range(owner.shape[0]):
        beyond = norms[f] - radius[site] - radius[owner[f]] - 0.5
        if beyond >= 0.5:
            weight[f] = 0.0
        elif beyond > 0.0:
            weight[f] *= 0.5 * (math.cos(2.0 * math.pi * beyond) + 1.0)
    return weight


@njit(cache=True)
def site_fingerprint(
    site: int,
    frac: np.ndarray,
    lattice: np.ndarray,
    heights: np.ndarray,
    radius: np.ndarray,
    affinity: np.ndarray,
    cutoff: float,
    motifs: np.ndarray,
    first: np.ndarray,
    column: np.ndarray,
    width: int,
) -> tuple[np.ndarray, bool]:
    """Fingerprint (width,) of one site, and whether it is certain.

    `motifs[first[n]:first[n+1]]` are the order parameters of coordination number n, whose weight
    stands in column `column[n]` and whose values follow it.
    """
    out = np.zeros(width)
    points, index = neighbours_within(frac, lattice, heights, site, cutoff)
    if points.shape[0] < 4 or (points[0] * points[0]).sum() < 1e-4:
        return out, False
    face, solid, area, farthest = voronoi_faces(points)
    if face.shape[0] < 4 or farthest > 0.8 * HALF_WIDTH:
        return out, False
    if abs(solid.sum() - 4.0 * math.pi) > 1e-6:
        return out, False
    norms = np.sqrt((points * points).sum(axis=1))
    if 2.0 * farthest > cutoff - 1e-6 and np.abs(norms - cutoff).min() < 1e-6:
        return out, False
    weight = _bond_weights(site, index[face], solid, area, norms[face], radius, affinity)
    scaled = 1000.0 * weight
    if (np.abs(scaled - np.floor(scaled) - 0.5) < 1e-7).any():
        return out, False
    order = np.argsort(-weight)
    weight = weight[order]
    rounded = np.rint(1000.0 * weight) / 1000.0
    unit = points[face[order]]
    for f in range(unit.shape[0]):
        unit[f] /= norms[face[order[f]]]
    certain = True
    for n in range(1, min(LARGEST, rounded.shape[0]) + 1):
        below = rounded[n] if n < rounded.shape[0] else 0.0
        if rounded[n - 1] <= 0.0 or below == rounded[n - 1]:
            continue
        share = _quarter_circle(below, rounded[n - 1])
        out[column[n]] = share
        if first[n + 1] > first[n]:
            rows = motifs[first[n] : first[n + 1]]
            values, doubt = order_parameters(unit[:n], weight[:n], rows)
            certain = certain and share * doubt < 1e-7
            for row in range(values.shape[0]):
                out[column[n] + 1 + row] = share * values[row]
    return out, certain
