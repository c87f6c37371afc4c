"""Laplacian curvature: heavy tails and the unlikeness of valleys and ridges.

A Gaussian field has kurtosis 3 and skew 0 at every scale; real terrain has neither.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .stacks import as_stack

COARSE = 4
"""Cells per side that are pooled for the coarse curvature."""


def laplacian(z: ArrayLike, cell: float) -> NDArray[np.float64]:
    """Five-point Laplacian ``(N, H-2, W-2)`` in 1/m, of ``z (N, H, W)`` on cells of ``cell`` m."""
    stack = as_stack(z)
    around = stack[:, :-2, 1:-1] + stack[:, 2:, 1:-1] + stack[:, 1:-1, :-2] + stack[:, 1:-1, 2:]
    return (around - 4 * stack[:, 1:-1, 1:-1]) / cell**2


def _moment(values: NDArray[np.float64], order: int) -> NDArray[np.float64]:
    flat = values.reshape(len(values), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    spread = np.sqrt((flat**2).mean(axis=1))
    above = (flat**order).mean(axis=1)
    return np.divide(above, spread**order, out=np.full(len(flat), np.nan), where=spread > 1e-12)


def curvature_kurtosis(z: ArrayLike, cell: float) -> NDArray[np.float64]:
    """Kurtosis ``(N,)`` of the Laplacian, 3 for a Gaussian field; NaN for a plane."""
    return _moment(laplacian(z, cell), 4)


def coarse_curvature_skew(z: ArrayLike, cell: float) -> NDArray[np.float64]:
    """Skew ``(N,)`` of the Laplacian of the 4 x 4 mean-pooled heights; NaN for a plane.

    Negative where ridges are sharper than valleys are.
    """
    stack = as_stack(z, smallest=4 * COARSE)
    rows, columns = (side // COARSE for side in stack.shape[1:])
    cut = stack[:, : rows * COARSE, : columns * COARSE]
    pooled = cut.reshape(len(stack), rows, COARSE, columns, COARSE).mean(axis=(2, 4))
    return _moment(laplacian(pooled, cell * COARSE), 3)
