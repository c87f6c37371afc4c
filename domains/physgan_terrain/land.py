"""The lie of the land above a tile: where it rises, and where its relief is higher or lower.

A generator is trained on tiles and knows nothing larger; its coarsest noise alone gives massifs of
one size. Two fields of octaves above it continue the growth that real regions have: a rise in
metres, added to heights, and a gain, by which the relief of every octave is multiplied, higher
where the land is. Both are smooth (quadratic B-splines, by repeated doubling), follow from the
seed and the place alone, and are exact numbers, the same in any window.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from physgan_terrain.measures.large_scale import LargeScale
from physgan_terrain.networks.doubling import doubled
from physgan_terrain.networks.exact import SETTING, snap
from physgan_terrain.networks.windows import BLUR, Span
from physgan_terrain.noise import PlacedNoise

REAL = LargeScale(
    growth=1.280, relief_deviation=0.605, relief_nugget=0.286, height_correlation=0.647
)
"""What ``measures.large_scale`` finds in 34 regions of SRTM at 90 m; the median of regions."""
AMPLITUDE = 1.1
"""Of the noise of an octave, over the deviation of heights in it."""
LACKING = (1.8, 0.53, 0.86, 0.95, 1.0)
"""What each octave, at 32 to 512 cells, adds to the generator's coarsest noise, which is white
above its cells; of the first, smoothing leaves so much that octaves grow as in real regions."""
OCTAVES = len(LACKING)
TILES = 1
"""The first octave at which relief varies, that of tiles."""
FARTHEST = 2.5
"""Rises stay within so many standard deviations."""
HIGHEST_GAIN = 0.35
"""Log gain is no higher: relief within a region has few tiles far above the others."""
STEEPEST = 0.125
"""Share of the slope limit that the rise may take."""
LOWEST_GAIN = -2.0
_SMOOTHED = 0.55
"""Deviation of a quadratic B-spline whose coefficients are white noise, on a plane."""


@dataclass(frozen=True)
class Land:
    """Rise and gain of the world of ``noise``, on the cells of level ``top`` of its generator.

    ``unit`` is the deviation in metres of the generator's octave at 16 cells, ``most`` the largest
    rise and ``deepest`` the largest fall in metres, ``steepest`` the largest in metres from a fine
    cell to the next at its side (None: any), and ``room`` the largest log gain.
    """

    noise: PlacedNoise
    top: int
    unit: float
    most: float
    deepest: float = math.inf
    steepest: float | None = None
    room: float = HIGHEST_GAIN
    strength: float = 1.0
    real: LargeScale = REAL

    @property
    def amplitudes(self) -> list[float]:
        """Of the noise in metres by octave, finest first."""
        # The octave at 32 cells is one above that at 16.
        first = self.strength * AMPLITUDE * self.unit * self.real.growth
        return [lack * first * self.real.growth**j for j, lack in enumerate(LACKING)]

    @property
    def largest(self) -> float:
        """No rise in metres is larger, and no fall."""
        spread = _SMOOTHED * math.sqrt(sum(a * a for a in self.amplitudes))
        return _on_grid(min(self.most, FARTHEST * spread))

    @property
    def axis(self) -> float | None:
        """The largest difference in metres between neighbours on the land's finest cells."""
        return None if self.steepest is None else _on_grid(self.steepest * 2**self.top)

    @property
    def halo(self) -> int:
        """Of the land's finest cells, so that a window is held as the whole plane would be."""
        return 0 if self.axis is None else math.ceil(2 * self.largest / self.axis) + 1

    def __call__(self, rows: Span, columns: Span) -> Tensor:
        """Rise in metres and gain ``(1, 2, rows, columns)`` in float64."""
        wide = rows.wider(self.halo), columns.wider(self.halo)
        rise, log_gain = self._octaves(*wide)
        gain = _exponential(log_gain.clamp(LOWEST_GAIN, self.room))
        own = rows.inside(wide[0]), columns.inside(wide[1])
        return torch.stack([self._held(rise), gain])[None, :, *own]

    def _octaves(self, rows: Span, columns: Span) -> Tensor:
        """Rise and log gain ``(2, rows, columns)`` as the octaves have them."""
        need = [(rows, columns)]
        for _ in range(OCTAVES - 1):
            fine = need[-1]
            need.append((fine[0].wider(BLUR).parents(), fine[1].wider(BLUR).parents()))
        shared = self.real.height_correlation
        variance = self.strength * self.real.relief_deviation**2 * (1 - self.real.relief_nugget)
        relief = math.sqrt(variance / (OCTAVES - TILES)) / _SMOOTHED
        total = None
        for octave in reversed(range(OCTAVES)):
            # The noise of the generator's levels is its own.
            level = self.top + OCTAVES if octave < TILES else self.top + octave
            white = self.noise(level, 2, *need[octave])[0].double()
            varied = shared * white[0] + math.sqrt(1 - shared**2) * white[1]
            both = torch.stack(
                [self.amplitudes[octave] * white[0], (octave >= TILES) * relief * varied]
            )
            both = snap(both, SETTING)
            if total is not None:
                coarse = doubled(total[None], need[octave + 1], need[octave])[0]
                # Each doubling adds four binary places; sums stay exact while they are cut off.
                both = both + snap(coarse, SETTING)
            total = both
        assert total is not None
        return total

    def _held(self, rise: Tensor) -> Tensor:
        """``rise (h, w)`` within its bounds, of its heights and of its slope."""
        from physgan_terrain.slope.integers import project_steps

        rise = rise.clamp(-min(self.largest, _on_grid(self.deepest)), self.largest)
        if self.axis is None:
            return rise
        side = int(self.axis * 2**SETTING)
        whole = (rise * 2**SETTING).round().long().numpy()
        return torch.from_numpy(project_steps(whole, side, math.isqrt(2 * side * side))) / (
            2.0**SETTING
        )


def _on_grid(metres: float) -> float:
    return metres if math.isinf(metres) else math.floor(metres * 2**SETTING) / 2**SETTING


def _exponential(x: Tensor) -> Tensor:
    """``exp(x)`` nearly, as (1 + x / 16)^16: products are rounded alike on every machine."""
    x = 1 + x / 16
    for _ in range(4):
        x = x * x
    return snap(x, SETTING)
