"""An unbounded terrain of one seed: any rectangle of it, the same in whatever order one asks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from tensordict import TensorDict
from torch import Tensor

from physgan_terrain.land import HIGHEST_GAIN, STEEPEST, Land
from physgan_terrain.networks.exact import SETTING, snap
from physgan_terrain.networks.generator import TerrainGenerator
from physgan_terrain.networks.windows import Span
from physgan_terrain.noise import PlacedNoise

STEP = 0.1
"""m; heights are whole numbers of steps, so that what files of 16 bits hold is what was meant."""
HIGHEST = 65535
"""The largest number of 16 bits."""
DEPTH, REACH = 4.0, 8.0
"""Heights above what the land rises stay within so many standard deviations below and above their
mean: peaks stand out farther than valleys."""
ROOM = 0.75
"""Share of 16 bits that they may take where less reach would do, of 5 deviations at least."""
MEASURED = 256
"""Side in cells of the window on which both are measured, in the world of seed 0."""
ACROSS, WATER = 2, 0.64
"""Tiles a side of the blocks in which hollows are filled, so that fewer lie across borders, and the
mean depth of filling over relief of blocks of that size over that of tiles, in 34 real regions."""
STRETCH = 7
"""Binary places of the factor by which they are stretched."""
CHUNK = 640
STRIP = 512


@dataclass(frozen=True)
class Strip:
    """Rows ``[first, first + len(n))`` of a terrain: projected heights ``n`` and raw ones
    ``raw``, both ``(h, W)`` int64 in steps."""

    first: int
    n: NDArray[np.int64]
    raw: NDArray[np.int64]


class World:
    """``condition (1, C)`` and ``limit`` in degrees (None: none) hold everywhere; ``large_scale``
    is the strength of the structure above a tile (``land.py``; 0: none), whose log gain is at most
    ``room``. What ``asked`` has of relief, mean slope and depth of filling, the tiles of the world
    are settled to: the first two by one factor, hollows block by block, as far as floors may rise.

    Raw heights are exact numbers (``networks/exact.py``): what the land rises, which changes by at
    most ``s`` steps from a cell to the next at its side, and ``low`` to ``high`` steps more. Two
    cells can bear on each other in the projection, whose neighbours differ by k to a side and m to
    a corner, only where ``high - low > d - 2 s d / m`` at a distance d in these steps; a window
    with that ``halo`` is projected as the whole plane would be.
    """

    def __init__(
        self,
        generator: TerrainGenerator,
        condition: Tensor,
        seed: int,
        *,
        cell: float,
        limit: float | None = None,
        step: float = STEP,
        large_scale: float = 0.0,
        room: float = HIGHEST_GAIN,
        asked: Mapping[str, float] | None = None,
    ) -> None:
        from physgan_terrain.slope.integers import whole_steps

        self.cell, self.limit, self.step = cell, limit, step
        self.noise = PlacedNoise(seed)
        given = TensorDict({}, [1])
        if limit is not None:
            given["limit"] = torch.tensor([limit])
        # Ranges are measured on the same noise for every seed, so that seeds share one network.
        self.net, settings = generator.exact_copy(PlacedNoise(0), condition, given)
        self.base, self.amplitudes, self.modulations = settings
        self.land: Land | None = None
        self.block = ACROSS * generator.tile
        self.water = WATER * (asked or {}).get("fill_depth", math.nan)
        if asked:
            self._stretch(asked)
        self.low, self.high, unit, shore = self._range()
        self.steps = None if limit is None else whole_steps(cell, limit, step, 0.0)
        if large_scale > 0:
            self.land = Land(
                self.noise,
                len(self.net.levels) - 1,
                unit * step,
                # What 16 bits leave: steps are chosen by whoever asks, relief by the class.
                max(0.0, (HIGHEST - 2 - self.high + self.low) / 2 * step),
                # Land that does not reach the sea is not drowned.
                shore * step if shore > 0 else math.inf,
                None if self.steps is None else STEEPEST * self.steps[0] * step,
                room,
                large_scale,
            )
        self.halo = self._halo()

    @property
    def lowest(self) -> int:
        """No height is lower, in steps."""
        return max(0, self.low - self._rise())

    @property
    def highest(self) -> int:
        """No height is higher, in steps."""
        return max(0, self.high + self._rise())

    def _rise(self) -> int:
        return 0 if self.land is None else math.ceil(self.land.largest / self.step)

    def _halo(self) -> int:
        if self.steps is None:
            return 0
        side, corner = self.steps
        share, whole = 1.0, self.high - self.low
        if self.land is not None and self.land.axis is not None:
            share -= 2 * self.land.axis / 2 ** len(self.net.levels) / self.step / corner
            whole += 1  # the rise is rounded to whole steps
        return math.ceil(min(whole / share, self.highest - self.lowest) / side)

    def _stretch(self, asked: Mapping[str, float]) -> None:
        """Bring the amplitudes to the ``asked`` relief and mean slope of tiles."""
        from physgan_terrain.settle import stretch

        span, side = Span(0, MEASURED), self.block // ACROSS
        n, _ = self._steps(PlacedNoise(0), span, span)
        z = torch.from_numpy(n).float().mul_(self.step)[None]
        tiles = z.unfold(1, side, side).unfold(2, side, side).reshape(-1, 1, side, side)
        # Valleys stay where they are, lest inland ones are drowned.
        low = float(tiles.clamp(min=0).amin(dim=(1, 2, 3)).mean().round())
        wanted = {k: torch.full((len(tiles),), v) for k, v in asked.items()}
        factor = stretch(tiles - low, wanted, self.cell, pooled=True, floor=-low)[0]
        # Coarse steps, so that a machine that rounds otherwise makes the same world.
        factor = snap(factor, STRETCH)
        self.amplitudes = snap(self.amplitudes * factor, SETTING)
        self.base = snap(low + (self.base - low) * factor, SETTING)

    def _range(self) -> tuple[int, int, float, int]:
        """In steps: the lowest and the highest height, the deviation of the octave at 16 cells and
        the lowest height found; without the land, the same for every seed."""
        span = Span(0, MEASURED)
        n, _ = self._steps(PlacedNoise(0), span, span)
        middle, deviation = _moments(n)
        blocks = n.reshape(MEASURED // 16, 16, MEASURED // 16, 16).sum(axis=(1, 3))
        pairs = blocks.reshape(MEASURED // 32, 2, MEASURED // 32, 2)
        octave = 4 * pairs - pairs.sum(axis=(1, 3))[:, None, :, None]
        low = math.floor(middle - DEPTH * deviation)
        least = math.ceil(middle + 5 * deviation)
        high = max(least, min(math.ceil(middle + REACH * deviation), low + int(ROOM * HIGHEST)))
        return low, high, _moments(octave)[1] / (4 * 16 * 16), int(n.min())

    def _steps(
        self, noise: PlacedNoise, rows: Span, columns: Span
    ) -> tuple[NDArray[np.int64], NDArray[np.int64] | int]:
        """Heights before they are bounded, and what the land rises."""
        settings = self.base, self.amplitudes, self.modulations
        with torch.no_grad():
            found = self.net.refine(noise, rows, columns, *settings, land=self.land, exact=True)
        height, rise = (None if x is None else self._whole(x) for x in found)
        assert height is not None
        return height, 0 if rise is None else rise

    def _whole(self, metres: Tensor) -> NDArray[np.int64]:
        return np.rint(metres[0, 0].numpy() / self.step).astype(np.int64)

    def raw(self, rows: Span, columns: Span) -> NDArray[np.int64]:
        """Heights in steps before the projection; any window gives the same numbers."""
        if math.isnan(self.water):
            return self._wet(rows, columns)[0]
        from physgan_terrain.slope.drained import drain_blocks

        wide = [_aligned(span, self.block) for span in (rows, columns)]
        n, highest = self._wet(*wide)
        drain_blocks(n, self.water, self.block, torch.get_num_threads())
        inside = rows.inside(wide[0]), columns.inside(wide[1])
        return np.minimum(n[inside], highest[inside])

    def _wet(self, rows: Span, columns: Span) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Heights with all the hollows that the network makes, and what they cannot exceed."""
        out, highest = np.empty((2, len(rows), len(columns)), dtype=np.int64)
        for part in _even(rows):
            for side in _even(columns):
                place = part.inside(rows), side.inside(columns)
                n, rise = self._steps(self.noise, part, side)
                highest[place] = np.maximum(rise + self.high, 0)
                out[place] = n.clip(np.maximum(rise + self.low, 0), highest[place])
        return out, highest

    def window(self, rows: Span, columns: Span) -> Strip:
        """Rows and columns of the world, projected."""
        outer = self.raw(rows.wider(self.halo), columns.wider(self.halo))
        return Strip(rows.low, *self._projected(outer))

    def tile(self, i: int, j: int, size: int) -> Strip:
        """Tile (i, j): ``size + 1`` cells a side, the last of which are its neighbours' first."""
        rows, columns = (Span(at * size, (at + 1) * size + 1) for at in (i, j))
        return self.window(rows, columns)

    def strips(self, rows: Span, columns: Span, height: int = STRIP) -> Iterator[Strip]:
        """The rectangle from top to bottom in strips of ``height`` rows, in memory of a strip."""
        wide, halo = columns.wider(self.halo), self.halo
        first, end = rows.low - halo, rows.low - halo
        held = np.empty((0, len(wide)), dtype=np.int64)
        for top in range(rows.low, rows.high, height):
            bottom = min(top + height, rows.high)
            if bottom + halo > end:
                # Whole blocks, which are drained once.
                fresh = Span(end, _aligned(Span(end, bottom + halo), self.block).high)
                held, end = np.concatenate([held, self.raw(fresh, wide)]), fresh.high
            yield Strip(top, *self._projected(held[: bottom + halo - first]))
            held, first = held[bottom - halo - first :], bottom - halo

    def _projected(self, outer: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        from physgan_terrain.slope.integers import project_steps

        halo = self.halo
        if self.steps is None:
            return outer, outer
        inner = (slice(halo, outer.shape[0] - halo), slice(halo, outer.shape[1] - halo))
        return project_steps(outer, *self.steps)[inner], outer[inner]

    def metres(self, n: NDArray[np.int64]) -> NDArray[np.float32]:
        """Heights ``n`` in steps as metres over the sea."""
        return (n * self.step).astype(np.float32)


def _moments(n: NDArray[np.int64]) -> tuple[float, float]:
    """Mean and standard deviation of whole numbers."""
    # Sums of whole numbers are exact, where those of floats depend on their order.
    count, total, squares = n.size, int(n.sum()), int((n * n).sum())
    return total / count, math.sqrt(count * squares - total * total) / count


def _aligned(span: Span, block: int) -> Span:
    """``span`` widened to whole blocks, which begin half a block off the origin: pieces whose sides
    are powers of two need fewer of them around."""
    half = block // 2
    return Span(
        (span.low - half) // block * block + half, -(-(span.high - half) // block) * block + half
    )


def _even(whole: Span) -> list[Span]:
    """``whole`` in the fewest spans of at most ``CHUNK`` cells, of nearly the same length; none
    where it is empty, as above the first strip of a terrain without a limit."""
    count = -(-len(whole) // CHUNK)
    if not count:
        return []
    cuts = [whole.low + len(whole) * i // count for i in range(count + 1)]
    return [Span(a, b) for a, b in itertools.pairwise(cuts)]
