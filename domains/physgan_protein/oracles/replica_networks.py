"""The network that the field's benchmarks use as oracle, and one of another family beside it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from physgan_protein.alphabet import PAD


class GGSNetwork(nn.Module):
    """The oracle of GGS (Kirjner et al., ICLR 2024), 157,953 weights, whatever the length.

    One valid convolution over five residues, a linear layer with ReLU, the maximum over
    positions, a linear layer. It sees 5-mers, not where they are.
    """

    def __init__(self, length: int, width: int = 256, kernel: int = 5) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(PAD, width, min(kernel, length))
        self.hidden = nn.Linear(width, 2 * width)
        self.out = nn.Linear(2 * width, 1)

    def forward(self, hot: Tensor) -> Tensor:
        """Values ``(B,)`` of one-hots ``(B, L, 20)``, standardised."""
        seen = self.convolution(hot.transpose(1, 2)).transpose(1, 2)
        return self.out(self.hidden(seen).relu().amax(dim=1)).squeeze(1)


class PositionalNetwork(nn.Module):
    """Dilated residual convolutions that know where they are; the mean over positions.

    Shares neither the pooling nor the blindness to position of ``GGSNetwork``.
    """

    def __init__(
        self, length: int, width: int = 64, dilations: tuple[int, ...] = (1, 2, 4)
    ) -> None:
        super().__init__()
        self.place = nn.Parameter(torch.randn(width, length) * 0.1)
        self.first = nn.Conv1d(PAD, width, 1)
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.GroupNorm(1, width),
                nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation),
                nn.SiLU(),
                nn.Conv1d(width, width, 1),
            )
            for dilation in dilations
        )
        self.site = nn.Parameter(torch.randn(width, length) / width**0.5)
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.SiLU())
        self.out = nn.Linear(width, 1)

    def forward(self, hot: Tensor) -> Tensor:
        """Values ``(B,)`` of one-hots ``(B, L, 20)``, standardised."""
        hidden = self.first(hot.transpose(1, 2)) + self.place
        for layer in self.layers:
            hidden = hidden + layer(hidden)
        pooled = (hidden * self.site).sum(dim=2) / hidden.shape[2] ** 0.5
        return self.out(self.head(pooled)).squeeze(1)


ARCHITECTURES: dict[str, type[GGSNetwork] | type[PositionalNetwork]] = {
    "ggs": GGSNetwork,
    "positional": PositionalNetwork,
}
