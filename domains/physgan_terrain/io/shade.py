"""Relief shading: what a heightmap looks like from above, as plain arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LIGHTS = ((225.0, 0.10), (270.0, 0.20), (315.0, 0.50), (360.0, 0.20))
"""Azimuths in degrees, clockwise from north, and weights: the main light stands north-west, the
others open the shadows (multi-directional shading after Mark 1992, USGS OFR 92-422)."""
ALTITUDE = 40.0
"""Of every light over the horizon, in degrees."""


def hillshade(z: NDArray[np.floating], cell: float, exaggeration: float = 1.0) -> NDArray:
    """Light (H, W) in 0..1 that a matt surface ``z`` (metres) returns under LIGHTS.

    A flat cell gets ``sin(ALTITUDE)``.
    """
    south, east = np.gradient(np.asarray(z, dtype=np.float32), np.float32(cell / exaggeration))
    steep = np.sqrt(1 + east**2 + south**2)
    altitude = np.radians(ALTITUDE)
    light = np.zeros_like(steep)
    for azimuth, weight in LIGHTS:
        towards_east = np.sin(np.radians(azimuth)) * np.cos(altitude)
        towards_north = np.cos(np.radians(azimuth)) * np.cos(altitude)
        facing = (south * towards_north - east * towards_east + np.sin(altitude)) / steep
        light += weight * np.clip(facing, 0, 1)
    return light


def exaggeration_for(z: NDArray[np.floating], cell: float) -> float:
    """By how much to stretch ``z`` so that its relief reads: more where it is gentle, 1 to 12.

    Grows with the inverse square root of the steepest tenth of the slopes, so that a plain shows
    its forms and still looks gentler than the alps.
    """
    south, east = np.gradient(np.asarray(z, dtype=np.float32), np.float32(cell))
    steep = float(np.quantile(np.hypot(south, east), 0.9))
    return float(np.clip(np.sqrt(0.9 / max(steep, 1e-6)), 1.0, 12.0))


def fit(z: NDArray[np.floating], cell: float, most: int, least: int = 0) -> tuple[NDArray, float]:
    """``z`` averaged down to at most ``most`` cells a side, or smoothed up to at least ``least``.

    Returns it with its new cell size. Up: cubic splines, so that shading shows no cell edges.
    """
    side = max(z.shape)
    if side > most:
        block = -(-side // most)
        rows, columns = (max(1, n // block) for n in z.shape)
        cut = z[: rows * block, : columns * block].reshape(rows, block, columns, block)
        return cut.mean(axis=(1, 3), dtype=np.float32), cell * block
    if side < least:
        from scipy.ndimage import zoom

        factor = -(-least // side)
        up = zoom(np.asarray(z, np.float32), factor, order=3, mode="nearest", grid_mode=True)
        return np.asarray(up), cell / factor
    return np.asarray(z, dtype=np.float32), cell


def still_water(z: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Cells (H, W) of the sea: at or below 0 m and level with three neighbours or more."""
    padded = np.pad(np.asarray(z, dtype=np.float32), 1, mode="reflect")
    rows, columns = z.shape
    level = np.zeros(z.shape, dtype=np.uint8)
    for down, right in ((0, 1), (2, 1), (1, 0), (1, 2)):
        level += padded[down : down + rows, right : right + columns] == z
    return (z <= 0) & (level >= 3)
