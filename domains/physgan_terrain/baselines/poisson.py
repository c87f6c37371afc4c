"""Clipped gradients: the surface whose gradient is nearest to the clipped one, by least squares.

Gradient-domain compression (Fattal, Lischinski and Werman, ACM TOG 21(3), 249, 2002) with a
Poisson equation under Neumann conditions, solved by a cosine transform. The clipped field has a
curl, so the limit does not hold exactly.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from physgan_terrain.slope.steps import check_heights, edge_steps


def clip_gradients(z: NDArray[Any], cell: float, max_slope: float) -> NDArray[Any]:
    """``z (H, W)`` in metres with its forward differences clipped and integrated again.

    Differences along rows and columns are scaled together where their length exceeds the fall
    ``tan(max_slope) * cell``; the mean height stays. The dtype is that of ``z`` where it is
    floating, else float32.
    """
    z = check_heights(z)
    if np.isinf(edge_steps(cell, max_slope, z.dtype)[0]):
        return z.copy()
    heights = z.astype(np.float64)
    mean = heights.mean()
    across = np.diff(heights, axis=1, append=heights[:, -1:])
    down = np.diff(heights, axis=0, append=heights[-1:])
    length = np.hypot(across, down)
    most = np.tan(np.radians(max_slope)) * cell
    scale = np.divide(most, length, out=np.ones_like(length), where=length > most)
    across *= scale
    down *= scale
    divergence = np.diff(across, axis=1, prepend=0.0) + np.diff(down, axis=0, prepend=0.0)
    rows, columns = z.shape
    power = 2 * np.cos(np.pi * np.arange(rows) / rows)[:, None] - 4
    power = power + 2 * np.cos(np.pi * np.arange(columns) / columns)
    power[0, 0] = 1.0
    spectrum = np.asarray(fft.dctn(divergence, type=2)) / power
    spectrum[0, 0] = 0.0
    return (np.asarray(fft.idctn(spectrum, type=2)) + mean).astype(z.dtype)
