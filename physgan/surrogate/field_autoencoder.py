"""A critic of fields on a torus that is an autoencoder, for objectives that play with energies."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor, nn
from torch.nn import functional as F

from physgan.domain import Verdict
from physgan.surrogate.field_networks import around
from physgan.tensors import float_leaves, full_precision

HALVINGS = 3


class FieldAutoencoder(nn.Module):
    """``(x, condition (B, C), given) -> Verdict`` of the reconstruction of all leaves of x, fields
    ``(B, ., H, W)`` of any size, ``channels`` together, through ``code`` numbers for 8 x 8 points.

    ``score (B,)`` is the mean squared error in units of ``deviation``: zero for an exact copy,
    about one where ``mean`` is said of fields that vary so. ``features`` are the code, all points
    in a row. The condition shifts the code and what is made of it.
    """

    def __init__(
        self,
        channels: int,
        condition_dim: int,
        *,
        width: int = 32,
        code: int = 16,
        mean: float = 0.0,
        deviation: float = 1.0,
    ) -> None:
        super().__init__()
        self.mean, self.deviation = mean, deviation
        widths = (channels, *[width] * HALVINGS)
        self.down = nn.ModuleList(around(a, b) for a, b in pairwise(widths))
        self.up = nn.ModuleList(around(width, width) for _ in range(HALVINGS))
        self.code, self.open = nn.Conv2d(width, code, 1), nn.Conv2d(code, width, 1)
        self.told = nn.Linear(condition_dim, code + width)
        self.read = around(width, channels)

    def forward(self, x: TensorDict, condition: Tensor, given: TensorDict) -> Verdict:
        leaves = float_leaves(x)
        fields = torch.cat(list(leaves.values()), dim=1)
        h = seen = (fields - self.mean) / self.deviation
        sizes = []
        for layer in self.down:
            sizes.append(h.shape[-2:])
            h = F.avg_pool2d(F.leaky_relu(layer(h), 0.2), 2, ceil_mode=True)
        split = (self.code.out_channels, self.open.out_channels)
        inner, outer = self.told(condition)[:, :, None, None].split(split, dim=1)
        code = self.code(h) + inner
        h = self.open(F.leaky_relu(code, 0.2)) + outer
        for layer, size in zip(self.up, reversed(sizes), strict=True):
            h = F.leaky_relu(layer(F.interpolate(h, size=tuple(size))), 0.2)
        back, code = full_precision(self.read(h)), full_precision(code)
        error = (back - seen).square().mean(dim=(1, 2, 3))
        parts = (back * self.deviation + self.mean).split([f.shape[1] for f in leaves.values()], 1)
        copied: Any = x.select(*leaves).clone(recurse=False)
        for key, part in zip(leaves, parts, strict=True):
            copied[key] = part
        return Verdict(error, code.flatten(1), copied)
