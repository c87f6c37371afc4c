"""Do samples cover the data? Precision, recall, density, coverage, and how far samples are apart.

Kynkaanniemi et al. (1904.06991) and Naeem et al. (2002.09797), on points ``(n, F)``. The ball of
a point reaches to its k-th nearest neighbour in its own set, itself left out; a point is inside
where its distance is strictly smaller. Identical sets have all four at exactly 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree
from scipy.spatial.distance import cdist

from physgan.errors import InputError


@dataclass(frozen=True)
class Coverage:
    """``precision``: fakes inside some real ball; ``recall``: reals inside some fake ball;
    ``density``: real balls around a fake over k; ``coverage``: reals whose ball holds a fake."""

    precision: float
    recall: float
    density: float
    coverage: float


def prdc(real: np.ndarray, fake: np.ndarray, k: int = 5) -> Coverage:
    """The four figures of ``fake (m, F)`` against ``real (n, F)``.

    Raises InputError where a set has fewer than k + 1 points.
    """
    for name, points in (("real", real), ("fake", fake)):
        if len(points) <= k:
            raise InputError(f"{len(points)} {name} points for k = {k}", fix="take more samples")
    # One distance matrix per comparison, computed alike, so that equal points compare as equal.
    across = cdist(real, fake)
    inside_real = across < _radii(real, k)[:, None]
    inside_fake = across < _radii(fake, k)[None, :]
    return Coverage(
        precision=float(inside_real.any(axis=0).mean()),
        recall=float(inside_fake.any(axis=1).mean()),
        density=float(inside_real.sum(axis=0).mean() / k),
        coverage=float(inside_real.any(axis=1).mean()),
    )


def _radii(points: np.ndarray, k: int) -> np.ndarray:
    return np.partition(cdist(points, points), k, axis=1)[:, k]


def nearest(points: np.ndarray, others: np.ndarray | None = None) -> np.ndarray:
    """The distance ``(n,)`` of each point to the nearest of ``others``, or of the rest."""
    if others is not None:
        return KDTree(others).query(points)[0]
    return KDTree(points).query(points, k=2)[0][:, 1]


def spread_ratio(fake: np.ndarray, real: np.ndarray, seed: int = 0) -> float:
    """Median nearest-neighbour distance inside ``fake`` over that inside as many of ``real``.

    Near 1 for a generator that spreads as the data do, near 0 for one that repeats itself.
    """
    random = np.random.default_rng(seed)
    size = min(len(real), len(fake))
    own = np.median(nearest(fake[random.permutation(len(fake))[:size]]))
    wanted = np.median(nearest(real[random.permutation(len(real))[:size]]))
    return float(own / wanted) if wanted > 0 else float(own > 0) + 0.0
