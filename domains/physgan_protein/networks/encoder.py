"""Sequence and condition to the latent's mean and log variance."""

from __future__ import annotations

from tensordict import TensorDict
from torch import Tensor, nn

from physgan_protein.networks.trunk import Reader


class ProteinEncoder(nn.Module):
    """q(z | x, c), a diagonal Gaussian."""

    def __init__(
        self,
        condition_dim: int,
        length: int,
        *,
        latent_dim: int = 32,
        width: int = 128,
        depth: int = 4,
    ) -> None:
        super().__init__()
        self.reader = Reader(length, condition_dim, width=width, depth=depth)
        self.head = nn.Linear(width, 2 * latent_dim)

    def forward(self, x: TensorDict, condition: Tensor, given: TensorDict) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.head(self.reader(x["residues"], condition)).chunk(2, dim=1)
        return mean, log_variance.clamp(-8, 4)
