"""How far apart two sets of feature vectors are: the Frechet and the kernel (inception) distance.

Heusel et al. (1706.08500) and Binkowski et al. (1801.01401), on any domain's fingerprints.
"""

from __future__ import annotations

import numpy as np

from physgan.errors import InputError


def frechet_gaussians(
    mean: np.ndarray, covariance: np.ndarray, other_mean: np.ndarray, other: np.ndarray
) -> float:
    """|m - m'|^2 + Tr(S + S' - 2 (S S')^(1/2)), the squared Wasserstein-2 distance of Gaussians."""
    values, vectors = np.linalg.eigh(np.asarray(covariance, dtype=np.float64))
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    # S S' has the eigenvalues of the symmetric product, whose root is stable where S is singular.
    product = np.linalg.eigvalsh(root @ np.asarray(other, dtype=np.float64) @ root)
    cross = np.sqrt(np.clip(product, 0, None)).sum()
    gap = np.asarray(mean, dtype=np.float64) - np.asarray(other_mean, dtype=np.float64)
    return float(gap @ gap + np.trace(covariance) + np.trace(other) - 2 * cross)


def frechet(real: np.ndarray, fake: np.ndarray) -> float:
    """``frechet_gaussians`` of the moments of points ``(n, F)`` and ``(m, F)``, n, m >= 2."""
    for points in (real, fake):
        if len(points) < 2:
            raise InputError("a Frechet distance needs two points at least in each set")
    moments = [(p.mean(axis=0), np.atleast_2d(np.cov(p, rowvar=False))) for p in (real, fake)]
    return frechet_gaussians(*moments[0], *moments[1])


def kid(real: np.ndarray, fake: np.ndarray) -> float:
    """Unbiased squared MMD of points ``(n, F)``, kernel (x.y / F + 1)^3; it may be negative."""
    for points in (real, fake):
        if len(points) < 2:
            raise InputError("a kernel distance needs two points at least in each set")
    n, m, width = len(real), len(fake), real.shape[1]
    real, fake = real.astype(np.float64), fake.astype(np.float64)

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return (a @ b.T / width + 1) ** 3

    own, other = kernel(real, real), kernel(fake, fake)
    within = (own.sum() - np.trace(own)) / (n * (n - 1))
    within += (other.sum() - np.trace(other)) / (m * (m - 1))
    return float(within - 2 * kernel(real, fake).mean())
