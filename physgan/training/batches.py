"""Training batches whose order depends on the seed and a count alone, so resuming is exact."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from tensordict import TensorDict
from torch import Tensor

Vary = Callable[[TensorDict, torch.Generator], TensorDict]
"""Gives a batch in another form that the data could have had (a turn, a crop)."""


class Batches:
    """Draws batches from a TensorDict that lives on the device.

    Epoch e is the permutation of the rows seeded by (seed, order, e); the last partial batch of
    an epoch is left out. With ``weights (N,)`` it is as many draws with these probabilities
    instead. ``vary`` changes each batch by numbers that depend on (seed, order, batch, rank).
    ``cursor`` counts the batches drawn and, with ``order``, is the whole state. Rank r of w takes
    the r-th of w equal parts of each batch.
    """

    def __init__(
        self,
        data: TensorDict,
        size: int,
        seed: int,
        *,
        rank: int = 0,
        world: int = 1,
        weights: Tensor | None = None,
        vary: Vary | None = None,
    ) -> None:
        self.data, self.weights, self.vary = data, weights, vary
        self.size = min(size, len(data)) // world * world
        self.seed, self.rank, self.world = seed, rank, world
        self.cursor = 0
        self.order = 0
        self._shuffled: tuple[tuple[int, int], Tensor] | None = None

    @property
    def per_epoch(self) -> int:
        """Batches in an epoch."""
        return len(self.data) // self.size

    def draw(self) -> TensorDict:
        """The next batch, of ``size / world`` rows."""
        epoch, place = divmod(self.cursor, self.per_epoch)
        share = self.size // self.world
        start = place * self.size + self.rank * share
        batch = self.data[self._permutation(epoch)[start : start + share]]
        if self.vary is not None:
            batch = self.vary(batch, self._generator(self.cursor, self.rank + 1))
        self.cursor += 1
        return batch

    def _permutation(self, epoch: int) -> Tensor:
        key = (self.order, epoch)
        if self._shuffled is None or self._shuffled[0] != key:
            generator, count = self._generator(epoch), len(self.data)
            if self.weights is None:
                rows = torch.randperm(count, generator=generator)
            else:
                weights = self.weights.cpu().double()
                rows = torch.multinomial(weights, count, replacement=True, generator=generator)
            self._shuffled = (key, rows.to(self.data.device or "cpu"))
        return self._shuffled[1]

    def _generator(self, *key: int) -> torch.Generator:
        entropy = np.random.SeedSequence((self.seed, self.order, *key))
        return torch.Generator().manual_seed(int(entropy.generate_state(1)[0]))
