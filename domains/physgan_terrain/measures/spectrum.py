"""Radial power spectra of heightmaps and their exponent.

The radial mean power of terrain falls as k^-beta (Turcotte 1992; Pelletier 1997,
physics/9705033); the exponent is read between wavelengths of 4 and 21.3 cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .stacks import as_stack

SHORTEST, LONGEST = 4.0, 64 / 3
"""Wavelengths in cells between which beta is fitted: k = 16 and k = 3 of a 64-cell tile."""
_CHUNK_CELLS = 1 << 21


@lru_cache(maxsize=8)
def _rings(height: int, width: int) -> NDArray[np.intp]:
    """Ring of every Fourier mode: |k| of the shorter side, rounded."""
    radius = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None])
    return np.rint(radius * min(height, width)).astype(np.intp)


@lru_cache(maxsize=8)
def _window(height: int, width: int) -> NDArray[np.float64]:
    """Hann window of unit mean square, so that white noise keeps its power."""
    window = np.outer(np.hanning(height), np.hanning(width))
    return window / np.sqrt((window**2).mean())


def frequencies(height: int, width: int) -> NDArray[np.float64]:
    """Frequencies (K,) in cycles per cell of the rings that ``radial_power`` returns."""
    side = min(height, width)
    return np.arange(side // 2 + 1) / side


def radial_power(z: ArrayLike) -> NDArray[np.float64]:
    """Mean power per ring ``(N, K)`` in m^2, of ``z (N, H, W)``; K = min(H, W) // 2 + 1.

    The mean is removed and a Hann window laid on. White noise of variance v has power v in every
    ring, so the power is the variance per mode times the number of cells.
    """
    stack = as_stack(z, smallest=8)
    count, height, width = stack.shape
    rings = _rings(height, width).ravel()
    kept = len(frequencies(height, width))
    members = np.bincount(rings, minlength=kept)[:kept]
    out = np.empty((count, kept))
    chunk = max(1, _CHUNK_CELLS // (height * width))
    for start in range(0, count, chunk):
        part = stack[start : start + chunk]
        part = (part - part.mean(axis=(1, 2), keepdims=True)) * _window(height, width)
        power = np.abs(np.fft.fft2(part)) ** 2 / (height * width)
        for row, one in enumerate(power.reshape(len(part), -1)):
            sums = np.bincount(rings, weights=one, minlength=kept)[:kept]
            out[start + row] = sums / members
    return out


def exponents(power: NDArray[np.float64], f: NDArray[np.float64]) -> NDArray[np.float64]:
    """Beta ``(N,)`` of ``power (N, K)`` at frequencies ``f (K,)``: least squares in log-log.

    NaN where some ring in the range has no power (a constant tile).
    """
    inside = (f >= 1 / LONGEST - 1e-9) & (f <= 1 / SHORTEST + 1e-9)
    x = np.log(f[inside])
    x = x - x.mean()
    with np.errstate(divide="ignore", invalid="ignore"):
        y = np.log(power[:, inside])
        slope = (y * x).sum(axis=1) / (x**2).sum()
    return np.where(np.isfinite(slope), -slope, np.nan)


def spectral_exponent(z: ArrayLike) -> NDArray[np.float64]:
    """Beta ``(N,)`` of the tiles ``z (N, H, W)``, NaN for a constant tile."""
    stack = as_stack(z, smallest=32)
    return exponents(radial_power(stack), frequencies(*stack.shape[1:]))


def class_spectra(z: ArrayLike, labels: Sequence[str]) -> dict[str, NDArray[np.float64]]:
    """Mean shape of the spectrum per class, ``(K,)``, of ``z (N, H, W)`` and N labels.

    Every tile's power is divided by its sum first, so that high relief does not outvote the
    rest; constant tiles are left out.
    """
    power = radial_power(z)
    total = power.sum(axis=1, keepdims=True)
    kept = total[:, 0] > 0
    names = np.asarray(labels)
    return {
        str(name): (power[kept & (names == name)] / total[kept & (names == name)]).mean(axis=0)
        for name in np.unique(names[kept])
    }
