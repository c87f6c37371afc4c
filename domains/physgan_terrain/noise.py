"""Noise that belongs to a place: the same numbers for a cell whoever asks, in whatever order."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from physgan_terrain.networks.windows import Span

PLACES = 6
"""Binary places of a value, those of the networks' activations."""
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


def mixed(counter: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """The finaliser of splitmix64 (Steele, Lea & Flood, OOPSLA 2014): every bit depends on all."""
    with np.errstate(over="ignore"):
        x = counter + _GOLDEN
        x = (x ^ (x >> np.uint64(30))) * _FIRST
        x = (x ^ (x >> np.uint64(27))) * _SECOND
        return x ^ (x >> np.uint64(31))


class PlacedNoise:
    """Standard noise by seed, level, channel and absolute cell, as a ``NoiseField`` of one sample.

    The sum of the four 16-bit words of a hash, less their mean and over their deviation: nearly
    normal (excess kurtosis -0.3, bounded by 3.5), and integer arithmetic until the last step, so
    that it is exact on any machine. Values are multiples of 2^-6.
    """

    def __init__(self, seed: int) -> None:
        self.seed = np.uint64(seed % 2**64)

    def __call__(self, level: int, channels: int, rows: Span, columns: Span) -> Tensor:
        i = np.arange(rows.low, rows.high, dtype=np.int64).astype(np.uint64)
        j = np.arange(columns.low, columns.high, dtype=np.int64).astype(np.uint64)
        planes = []
        for channel in range(channels):
            key = mixed(np.array([self.seed]))
            key = mixed(key ^ np.uint64(level << 8 | channel))
            along = mixed(key ^ mixed(i))[:, None]
            planes.append(_normal(mixed(along ^ mixed(j ^ key)[None])))
        return torch.from_numpy(np.stack(planes))[None]


def _normal(words: NDArray[np.uint64]) -> NDArray[np.float32]:
    low = np.uint64(0xFFFF)
    total = np.zeros(words.shape, dtype=np.int64)
    for shift in (0, 16, 32, 48):
        total += ((words >> np.uint64(shift)) & low).astype(np.int64)
    # Four uniforms on [0, 65535] have a deviation of 37,837.1; rounding to 2^-6 keeps it exact.
    centred = 2 * total - 4 * 65535
    steps = (centred * 2**PLACES + 37837) // (2 * 37837)
    return (steps / 2**PLACES).astype(np.float32)
