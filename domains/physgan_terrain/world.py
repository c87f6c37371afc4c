"""An unbounded terrain of one seed: any rectangle of it, the same in whatever order one asks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from tensordict import TensorDict
from torch import Tensor

from physgan_terrain.networks.generator import TerrainGenerator
from physgan_terrain.networks.windows import Span
from physgan_terrain.noise import PlacedNoise

STEP = 0.1
"""m; heights are whole numbers of steps, so that what files of 16 bits hold is what was meant."""
REACH = 5.0
"""Heights stay within so many standard deviations of their mean."""
MEASURED = 256
"""Side in cells of the window on which both are measured, in the world of seed 0."""
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
    """``condition (1, C)`` and ``limit`` in degrees (None: none) hold everywhere.

    Raw heights are exact numbers (``networks/exact.py``) between ``low`` and ``high`` steps. A
    cell that is ``(high - low) / k`` cells away cannot reach an envelope whose neighbours differ
    by at most k, so a window with that ``halo`` is projected as the whole plane would be.
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
        self.low, self.high = self._range()
        self.steps: tuple[int, int] | None = None
        self.halo = 0
        if limit is not None:
            self.steps = whole_steps(cell, limit, step, 0.0)
            self.halo = math.ceil((self.high - self.low) / self.steps[0])

    def _range(self) -> tuple[int, int]:
        """The lowest and the highest height in steps; the same for every seed."""
        span = Span(0, MEASURED)
        n = self._steps(PlacedNoise(0), span, span)
        # Sums of whole numbers are exact, where those of floats depend on their order.
        count, total, squares = n.size, int(n.sum()), int((n * n).sum())
        middle = total / count
        spread = REACH * math.sqrt(count * squares - total * total) / count
        low = max(0, math.floor(middle - spread))
        return low, max(low, math.ceil(middle + spread))

    def _steps(self, noise: PlacedNoise, rows: Span, columns: Span) -> NDArray[np.int64]:
        settings = self.base, self.amplitudes, self.modulations
        with torch.no_grad():
            height = self.net.refine(noise, rows, columns, *settings, exact=True)
        return np.rint(height[0, 0].numpy() / self.step).astype(np.int64)

    def raw(self, rows: Span, columns: Span) -> NDArray[np.int64]:
        """Heights in steps before the projection; any window gives the same numbers."""
        out = np.empty((len(rows), len(columns)), dtype=np.int64)
        for part in _even(rows):
            for side in _even(columns):
                out[part.inside(rows), side.inside(columns)] = self._chunk(part, side)
        return out

    def _chunk(self, rows: Span, columns: Span) -> NDArray[np.int64]:
        return self._steps(self.noise, rows, columns).clip(self.low, self.high)

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
        kept = self.raw(Span(rows.low - halo, rows.low + halo), wide)
        for top in range(rows.low, rows.high, height):
            bottom = min(top + height, rows.high)
            fresh = self.raw(Span(top + halo, bottom + halo), wide)
            outer = np.concatenate([kept, fresh])
            yield Strip(top, *self._projected(outer))
            kept = outer[len(outer) - 2 * halo :]

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


def _even(whole: Span) -> list[Span]:
    """``whole`` in the fewest spans of at most ``CHUNK`` cells, of nearly the same length."""
    count = -(-len(whole) // CHUNK)
    cuts = [whole.low + len(whole) * i // count for i in range(count + 1)]
    return [Span(a, b) for a, b in itertools.pairwise(cuts)]
