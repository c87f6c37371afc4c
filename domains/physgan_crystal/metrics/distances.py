"""Distances between distributions of properties, and success rates of optimisation."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.stats import wasserstein_distance

from physgan.errors import InputError

PERCENTILES = {
    "perov_5": (0.43924842, 0.61202443, 0.7364607),
    "carbon_24": (-154.527093, -154.458657, -154.442068),
    "mp_20": (-3.17562208, -2.82196882, -2.52814761),
}
"""The 5th, 10th and 15th percentile of the optimised property in the training set.

Perov-5: `heat_ref` in eV; Carbon-24: energy per atom in eV; MP-20: formation energy per atom in
eV. Constants of the published script, all to be minimised.
"""


class Distance(NamedTuple):
    """Wasserstein-1 distance: mean and standard deviation over draws, and over everything."""

    mean: float
    sd: float
    all: float


def distribution_distance(
    values: np.ndarray,
    reference: np.ndarray,
    *,
    size: int = 1000,
    draws: int = 100,
    seed: int = 0,
) -> Distance:
    """Wasserstein-1 distance of `values` (n,) from `reference` (m,), in the unit of the values.

    The published script takes one unseeded draw of 1,000 valid crystals and stops if there are
    fewer. Here `draws` seeded draws without replacement give a mean and a standard deviation,
    beside the distance of all `values`; with no more than `size` values every draw is all of
    them. Values that are not finite are dropped; NaN where a side is empty.
    """
    values = np.asarray(values, dtype=float)
    reference = np.asarray(reference, dtype=float)
    values, reference = values[np.isfinite(values)], reference[np.isfinite(reference)]
    if not len(values) or not len(reference):
        return Distance(float("nan"), float("nan"), float("nan"))
    everything = float(wasserstein_distance(values, reference))
    if len(values) <= size:
        return Distance(everything, 0.0, everything)
    rng = np.random.default_rng(seed)
    found = [
        wasserstein_distance(rng.choice(values, size, replace=False), reference)
        for _ in range(draws)
    ]
    spread = float(np.std(found, ddof=1)) if draws > 1 else 0.0
    return Distance(float(np.mean(found)), spread, everything)


def success_rates(best: np.ndarray, dataset: str) -> dict[str, float]:
    """SR5, SR10 and SR15 in percent: starts whose best property is in the lowest 5, 10, 15 %.

    `best` (n,) is the lowest property that each start reached with a valid crystal, NaN where it
    reached none. Raises `InputError` for a data set without published percentiles.
    """
    if dataset not in PERCENTILES:
        known = ", ".join(PERCENTILES)
        raise InputError(f"no percentiles for {dataset!r}", where="dataset", fix=f"one of {known}")
    best = np.asarray(best, dtype=float)
    shares = [100.0 * float((best <= limit).mean()) for limit in PERCENTILES[dataset]]
    return dict(zip(("sr5", "sr10", "sr15"), shares, strict=True))
