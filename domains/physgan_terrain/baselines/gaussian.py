"""Gaussian random fields of a given radial spectrum, by filtering white noise with the FFT."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from physgan.errors import InputError

Power = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Power at frequencies in cycles per cell, all above 0, up to a factor."""
TILE = 64
"""Cells per side over which relief is measured."""
_PAD = 256


def shape_of(size: int | tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of ``size``; InputError for sides under 3 cells."""
    rows, columns = (size, size) if isinstance(size, int) else size
    if min(rows, columns) < 3:
        raise InputError(f"a field of {rows} x {columns} cells", fix="at least 3 x 3")
    return rows, columns


class Noise:
    """White noise of a field of ``size`` cells, to be filtered as often as one likes.

    A periodic field repeats after ``size`` and tiles without a seam. Any other is cut from one
    that is larger by its own side, at most 256 cells, so that opposite edges are strangers.
    """

    def __init__(
        self, size: int | tuple[int, int], rng: np.random.Generator, periodic: bool = False
    ) -> None:
        from scipy.fft import next_fast_len, rfft2

        self.shape = shape_of(size)
        rows, columns = self.shape
        if not periodic:
            rows, columns = (
                int(next_fast_len(side + min(side, _PAD), real=True))  # type: ignore[arg-type]
                for side in self.shape
            )
        self.grid = rows, columns
        down, across = np.fft.fftfreq(rows), np.fft.rfftfreq(columns)
        self._f = np.hypot(down[:, None], across[None])
        self._f[0, 0] = 1.0
        self._noise = rfft2(rng.standard_normal((rows, columns)))

    def filtered(self, power: Power) -> NDArray[np.float64]:
        """The field ``(H, W)`` of zero mean over its period."""
        from scipy.fft import irfft2

        amplitude = np.sqrt(power(self._f))
        amplitude[0, 0] = 0.0
        field = np.asarray(irfft2(self._noise * amplitude, s=self.grid))
        return field[: self.shape[0], : self.shape[1]]


def tile_relief(z: NDArray[np.float64], tile: int = TILE) -> float:
    """Median over whole ``tile`` x ``tile`` windows of highest minus lowest height of ``z (H, W)``.

    A side under ``tile`` cells is taken whole.
    """
    rows, columns = (min(tile, side) for side in z.shape)
    down, across = z.shape[0] // rows, z.shape[1] // columns
    blocks = z[: down * rows, : across * columns].reshape(down, rows, across, columns)
    return float(np.median(blocks.max(axis=(1, 3)) - blocks.min(axis=(1, 3))))


def with_relief(z: NDArray[np.float64], relief: float) -> NDArray[np.float64]:
    """``z`` scaled to a median tile relief of ``relief`` m, its lowest cell at 0 m."""
    return (z - z.min()) * (relief / tile_relief(z))
