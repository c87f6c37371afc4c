"""What the networks are made of: residual dilated convolutions along a sequence, or plain layers
where it is so short that each position is a feature of its own."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from physgan_protein.alphabet import PAD, TOKENS

SHORT = 8
"""Sequences of one length up to this are read whole, by plain layers."""
PATCH = 4
"""Neighbouring positions that share a feature vector, which makes all four times as fast."""


def patches(x: Tensor) -> Tensor:
    """``x (B, L, C)`` as ``(B, ceil(L / 4), 4 C)``, with zeros at the end."""
    return F.pad(x, (0, 0, 0, -x.shape[1] % PATCH)).reshape(len(x), -1, PATCH * x.shape[2])


def layers(inner: int, width: int, depth: int) -> nn.Sequential:
    """``depth`` layers of ``width`` features with leaky rectifiers."""
    found: list[nn.Module] = []
    for place in range(depth):
        found += [nn.Linear(width if place else inner, width), nn.LeakyReLU(0.2)]
    return nn.Sequential(*found)


class Block(nn.Module):
    """x + conv(leaky(conv_dilated(leaky(FiLM(x))))), zero outside the mask (Yu & Koltun,
    1511.07122, for the dilation; Perez et al., 1709.07871, for FiLM by ``context``)."""

    def __init__(self, width: int, kernel: int, dilation: int, context: int = 0) -> None:
        super().__init__()
        same = dilation * (kernel // 2)
        self.spread = nn.Conv1d(width, width, kernel, padding=same, dilation=dilation)
        self.mix = nn.Conv1d(width, width, 1)
        self.film = nn.Linear(context, 2 * width) if context else None
        if self.film is not None:
            nn.init.zeros_(self.film.weight)
            nn.init.zeros_(self.film.bias)

    def forward(self, x: Tensor, mask: Tensor, context: Tensor | None = None) -> Tensor:
        """``x (B, W, L)``, ``mask (B, 1, L)``, ``context (B, C)`` to ``(B, W, L)``."""
        inner = x
        if self.film is not None:
            scale, shift = self.film(context).unsqueeze(-1).chunk(2, dim=1)
            inner = torch.addcmul(x + shift, x, scale) * mask
        inner = self.spread(F.leaky_relu(inner, 0.2))
        return x + self.mix(F.leaky_relu(inner, 0.2)) * mask


class Stack(nn.Module):
    """Residual blocks with dilations 1, 2, 4, 8, 1, ... on ``(B, W, L)``."""

    def __init__(self, width: int, depth: int, kernel: int = 3, context: int = 0) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            [Block(width, kernel, 2 ** (i % 4), context) for i in range(depth)]
        )

    def forward(self, x: Tensor, mask: Tensor, context: Tensor | None = None) -> Tensor:
        for block in self.blocks:
            x = block(x, mask, context)
        return x


class Reader(nn.Module):
    """Sequences to features ``(B, width)``, for encoder, critic and predictors.

    ``extra`` further features per row (a condition) are read with them. Positions have names: an
    embedding of the place is added, as a family's columns want it.
    """

    def __init__(self, length: int, extra: int, *, width: int, depth: int) -> None:
        super().__init__()
        self.short = length <= SHORT
        self.feature_dim = width
        if self.short:
            self.body = layers(length * TOKENS + extra, width, depth)
            return
        self.first = nn.Linear(PATCH * TOKENS, width)
        self.place = nn.Parameter(0.02 * torch.randn(width, -(-length // PATCH)))
        self.stack = Stack(width, depth)
        self.join = nn.Linear(2 * width + 1 + extra, width)

    def forward(self, residues: Tensor, extra: Tensor) -> Tensor:
        """``residues (B, L, 21)`` and ``extra (B, E)`` to ``(B, width)``."""
        if self.short:
            return self.body(torch.cat([residues.flatten(1), extra], dim=1))
        inside = 1 - residues[..., PAD]
        # Which patches count is no matter of degree: its slope would drown every penalty.
        here = patches(inside.detach().unsqueeze(-1)).amax(dim=2).unsqueeze(1)
        x = (self.first(patches(residues)).transpose(1, 2) + self.place) * here
        x = self.stack(x, here)
        mean = x.sum(dim=2) / here.sum(dim=2).clamp(min=1)
        most = x.masked_fill(here < 0.5, -1e4).amax(dim=2).clamp(min=-1e3)
        share = inside.mean(dim=1, keepdim=True)
        return F.leaky_relu(self.join(torch.cat([mean, most, share, extra], dim=1)), 0.2)
