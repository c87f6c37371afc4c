"""Training batches whose order depends on the seed and a count alone, so resuming is exact."""

from __future__ import annotations

import numpy as np
import torch
from tensordict import TensorDict
from torch import Tensor


class Batches:
    """Draws batches from a TensorDict that lives on the device.

    Epoch e is the permutation of the rows seeded by (seed, order, e); the last partial batch of
    an epoch is left out. ``cursor`` counts the batches drawn and, with ``order``, is the whole
    state. Rank r of w takes the r-th of w equal parts of each batch.
    """

    def __init__(
        self, data: TensorDict, size: int, seed: int, *, rank: int = 0, world: int = 1
    ) -> None:
        self.data = data
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
        self.cursor += 1
        share = self.size // self.world
        start = place * self.size + self.rank * share
        return self.data[self._permutation(epoch)[start : start + share]]

    def _permutation(self, epoch: int) -> Tensor:
        key = (self.order, epoch)
        if self._shuffled is None or self._shuffled[0] != key:
            entropy = np.random.SeedSequence((self.seed, self.order, epoch))
            generator = torch.Generator().manual_seed(int(entropy.generate_state(1)[0]))
            rows = torch.randperm(len(self.data), generator=generator)
            self._shuffled = (key, rows.to(self.data.device or "cpu"))
        return self._shuffled[1]
