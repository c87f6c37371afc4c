"""The critic of sequences: a reader, a statistic of the batch, and projection."""

from __future__ import annotations

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from physgan.critics import ProjectionScore
from physgan.domain import Verdict
from physgan_protein.networks.trunk import Reader


class ProteinCritic(nn.Module):
    """D(x, c) = w h(x) + <h(x), E c> / sqrt F (``ProjectionScore``).

    ``minibatch`` > 1 lets h see how much sequences vary within groups of so many (Karras et al.,
    1710.10196, section 3), so that a generator that repeats itself is found out; a verdict then
    depends on the batch. Hard one-hots are judged in training, real and made alike.
    """

    def __init__(
        self,
        condition_dim: int,
        length: int,
        *,
        width: int = 128,
        depth: int = 3,
        minibatch: int = 0,
    ) -> None:
        super().__init__()
        self.minibatch, self.feature_dim = minibatch, width
        self.reader = Reader(length, int(minibatch > 1), width=width, depth=depth)
        self.score = nn.Linear(width, 1)
        self.project = nn.Linear(condition_dim, width) if condition_dim else None
        self.verdict = ProjectionScore(self.score, self.project, scale=width**0.5)

    def forward(self, x: TensorDict, condition: Tensor, given: TensorDict) -> Verdict:
        residues = x["residues"]
        return self.verdict(self.reader(residues, self._variety(residues)), condition)

    def _variety(self, residues: Tensor) -> Tensor:
        """The mean standard deviation over groups of rows, ``(B, 1)``; nothing without groups."""
        size = len(residues)
        if self.minibatch < 2:
            return residues.new_zeros(size, 0)
        groups = max(1, size // self.minibatch)
        # Rows are dealt in turn, so that a group may be one larger than another.
        member = torch.arange(size, device=residues.device) % groups
        flat = residues.flatten(1)
        count = torch.bincount(member, minlength=groups).unsqueeze(1).to(flat.dtype)
        zero = flat.new_zeros(groups, flat.shape[1])
        mean = zero.index_add(0, member, flat) / count
        apart = (flat - mean[member]).square()
        spread = (zero.index_add(0, member, apart) / count + 1e-8).sqrt().mean(dim=1)
        return spread[member].unsqueeze(1)
