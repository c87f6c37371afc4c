"""How terrain varies above a tile: growth of its octaves, and of the relief from tile to tile.

Means over 2^l cells less those over 2^(l + 1), the octaves of a map, grow by a nearly constant
factor in real terrain: power ~ k^-beta with beta = 2 + 2 log2(growth) (Turcotte 1992). The relief
of tiles varies by decades within a region, alike near each other and higher where the land is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from physgan.errors import InputError

from .spectrum import frequencies, radial_power
from .stacks import as_stack

COARSEST = 64
"""Cells up to which a tile says itself how its octaves grow."""
LEAST = 16
"""Values that an octave or a region must have to count."""
FLATTEST = 3.0
"""m of relief; flatter tiles are sea or lakes."""


@dataclass(frozen=True)
class LargeScale:
    """Of a set of maps, the mean over maps: factor per octave of the deviation of heights between
    16 and 256 cells; deviation of log relief of tiles, share of its variance that neighbouring
    tiles do not share, and its correlation with their mean height."""

    growth: float
    relief_deviation: float
    relief_nugget: float
    height_correlation: float

    def as_dict(self) -> dict[str, float]:
        """The figures by name, all without unit."""
        return asdict(self)


def octaves(z: NDArray[np.floating], count: int) -> NDArray[np.float64]:
    """Standard deviations in metres ``(count,)`` of what the mean over 2^l cells has and that over
    2^(l + 1) has not, of ``z (H, W)``; NaN cells are left out, and NaN stands where fewer than 16
    values are left."""
    mean, found = np.asarray(z, dtype=np.float64), np.full(count, np.nan)
    for level in range(count):
        rows, columns = (n // 2 for n in mean.shape)
        if not rows * columns:
            break
        fine = mean[: 2 * rows, : 2 * columns].reshape(rows, 2, columns, 2)
        mean = fine.mean(axis=(1, 3))
        detail = (fine - mean[:, None, :, None]).ravel()
        detail = detail[np.isfinite(detail)]
        if len(detail) >= LEAST:
            found[level] = detail.std()
    return found


def relief_of_tiles(
    z: NDArray[np.floating], size: int = 64
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Log relief and mean height ``(h, w)`` of the tiles of ``z``; NaN where cells are missing or
    less than 3 m apart, or more than a twentieth is sea."""
    rows, columns = (n // size for n in z.shape)
    tiles = z[: rows * size, : columns * size].reshape(rows, size, columns, size)
    low, high, mean = (f(tiles, axis=(1, 3)) for f in (np.min, np.max, np.mean))
    relief = np.asarray(high - low, dtype=np.float64)
    land = (tiles > 0).mean(axis=(1, 3)) >= 0.95
    kept = land & (relief > FLATTEST)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(kept, np.log(relief), np.nan), np.where(kept, mean, np.nan)


def large_scale(maps: Iterable[NDArray[np.floating]], size: int = 64) -> LargeScale:
    """The figures of ``maps``, each ``(H, W)`` in metres with NaN holes. Raises InputError where
    none has 16 tiles with land."""
    rows = []
    for z in maps:
        relief, height = relief_of_tiles(z, size)
        known = np.isfinite(relief)
        if known.sum() < LEAST:
            continue
        variance = float(relief[known].var())
        gaps = np.concatenate([(relief[1:] - relief[:-1]).ravel(), np.diff(relief).ravel()])
        nugget = float(np.nanmean(gaps**2)) / 2 / variance
        shared = np.corrcoef(relief[known], height[known])[0, 1]
        found = octaves(z, 8)[4:]
        held = np.isfinite(found)
        growth = np.polyfit(np.arange(4)[held], np.log2(found[held]), 1)[0]
        rows.append((2**growth, variance**0.5, nugget, shared))
    if not rows:
        raise InputError("no map is large enough", fix="maps of at least 16 tiles")
    return LargeScale(*np.median(np.array(rows), axis=0).tolist())


def large_exponent(z: ArrayLike, size: int = COARSEST) -> NDArray[np.float64]:
    """Beta ``(N,)`` of ``z (N, H, W)`` over wavelengths from ``size`` cells to half the side."""
    stack = as_stack(z, smallest=4 * size)
    f = frequencies(*stack.shape[1:])
    inside = (f <= 1 / size + 1e-9) & (f >= 2 / min(stack.shape[1:]) - 1e-9)
    slopes = np.polyfit(np.log(f[inside]), np.log(radial_power(stack)[:, inside]).T, 1)[0]
    return -np.atleast_1d(slopes)
