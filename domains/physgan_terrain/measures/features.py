"""The eleven figures of a tile that the two-sample test reads.

Chosen for what tells real terrain from Gaussian fields of the same spectrum: sinks first, then
the tails and the skew of curvature, then hypsometry; spectrum, relief and slopes complete them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .curvature import coarse_curvature_skew, curvature_kurtosis
from .drainage import pit_share, sinks
from .hypsometry import hypsometric_integral, relief
from .slopes import horn_slopes
from .spectrum import LONGEST, SHORTEST, exponents, frequencies, radial_power
from .stacks import as_stack

FEATURES = {
    "fill_depth": "mean depth of filling over relief",
    "fill_share": "share of cells that filling raises",
    "pits": "share of interior cells strictly below their eight neighbours",
    "curvature_kurtosis": "kurtosis of the five-point Laplacian",
    "coarse_curvature_skew": "skew of the Laplacian of 4 x 4 pooled heights",
    "hypsometric_integral": "(mean - min) / (max - min)",
    "beta": "exponent of the radial power spectrum, wavelengths of 4 to 21.3 cells",
    "fine_power": "log10 of the power at wavelengths under 4 cells over that from 4 to 21.3",
    "relief": "log10 of highest minus lowest height in m",
    "mean_slope": "mean Horn slope in degrees",
    "p95_slope": "95th percentile of Horn slope in degrees",
}
"""Names, in the order of the columns, and what they mean."""


def features(z: ArrayLike, cell: float) -> NDArray[np.float64]:
    """The figures of ``FEATURES`` as ``(N, 11)`` of tiles ``z (N, H, W)`` in m on ``cell`` m.

    What a flat tile has not got (kurtosis, spectrum, ...) is NaN, which forests take as missing.
    Tiles have at least 32 cells per side.
    """
    stack = as_stack(z, smallest=32)
    water = sinks(stack)
    power, f = radial_power(stack), frequencies(*stack.shape[1:])
    slope = horn_slopes(stack, cell).reshape(len(stack), -1)
    columns = {
        "fill_depth": water.relative_depth,
        "fill_share": water.share,
        "pits": pit_share(stack),
        "curvature_kurtosis": curvature_kurtosis(stack, cell),
        "coarse_curvature_skew": coarse_curvature_skew(stack, cell),
        "hypsometric_integral": hypsometric_integral(stack),
        "beta": exponents(power, f),
        "fine_power": _fine_power(power, f),
        "relief": _log10(relief(stack)),
        "mean_slope": slope.mean(axis=1),
        "p95_slope": np.percentile(slope, 95, axis=1),
    }
    return np.stack([columns[name] for name in FEATURES], axis=1)


def _fine_power(power: NDArray[np.float64], f: NDArray[np.float64]) -> NDArray[np.float64]:
    fine = power[:, f > 1 / SHORTEST + 1e-9].mean(axis=1)
    middle = (f >= 1 / LONGEST - 1e-9) & (f <= 1 / SHORTEST + 1e-9)
    return _log10(fine) - _log10(power[:, middle].mean(axis=1))


def _log10(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.log10(values, out=np.full(values.shape, np.nan), where=values > 0)
