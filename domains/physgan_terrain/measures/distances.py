"""Distances between a set of real tiles and a set of generated ones, of one class."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike

from physgan.errors import InputError

from .drainage import sinks
from .hypsometry import hypsometric_integral
from .slopes import horn_slopes
from .spectrum import radial_power
from .stacks import as_stack


@dataclass(frozen=True)
class Distances:
    """``slope_w1`` degrees, ``hypsometric_gap``, ``fill_ratio``, ``spectrum_db``."""

    slope_w1: float
    hypsometric_gap: float
    fill_ratio: float
    spectrum_db: float

    def as_dict(self) -> dict[str, float]:
        """The figures by name."""
        return asdict(self)


def slope_w1(real: ArrayLike, generated: ArrayLike, cell: float) -> float:
    """1-Wasserstein distance in degrees between the Horn slopes of all interior cells."""
    from scipy.stats import wasserstein_distance

    return float(
        wasserstein_distance(horn_slopes(real, cell).ravel(), horn_slopes(generated, cell).ravel())
    )


def hypsometric_gap(real: ArrayLike, generated: ArrayLike) -> float:
    """Absolute difference of the median hypsometric integrals; flat tiles are left out."""
    first, second = (np.nanmedian(hypsometric_integral(side)) for side in (real, generated))
    return float(abs(first - second))


def fill_ratio(real: ArrayLike, generated: ArrayLike) -> float:
    """Mean share of cells that filling raises, generated over real; inf where only the generated
    tiles have sinks, 1 where neither has."""
    first, second = (float(sinks(side).share.mean()) for side in (real, generated))
    if first == 0:
        return 1.0 if second == 0 else float("inf")
    return second / first


def spectrum_distance(real: ArrayLike, generated: ArrayLike) -> float:
    """Root mean square difference in dB of the mean radial spectra, from k = 1 to Nyquist.

    Raises InputError for tiles of different sizes; not finite where a side has no power.
    """
    shapes = [as_stack(side).shape[1:] for side in (real, generated)]
    if shapes[0] != shapes[1]:
        raise InputError(f"real tiles of {shapes[0]} cells, generated ones of {shapes[1]}")
    sides = [radial_power(side).mean(axis=0)[1:] for side in (real, generated)]
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = 10 * (np.log10(sides[1]) - np.log10(sides[0]))
    return float(np.sqrt((gap**2).mean()))


def distances(real: ArrayLike, generated: ArrayLike, cell: float) -> Distances:
    """All four between ``real (m, H, W)`` and ``generated (n, H, W)`` in m on ``cell`` m."""
    return Distances(
        slope_w1(real, generated, cell),
        hypsometric_gap(real, generated),
        fill_ratio(real, generated),
        spectrum_distance(real, generated),
    )
