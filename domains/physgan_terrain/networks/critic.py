"""What a tile looks like to the critic, the encoder and the predictor: its shape and its scale."""

from __future__ import annotations

import torch
from tensordict import TensorDict
from torch import Tensor, nn
from torch.nn import functional as F

from physgan.domain import Verdict
from physgan_terrain.networks.generator import limit_code

PLANES = 4
SCALES = 3
LEAST = 0.05
"""Metres (and metres per cell) below which a plane counts as flat."""


def views(height: Tensor) -> tuple[Tensor, Tensor]:
    """Planes ``(B, 4, H, W)`` and log scales ``(B, 3)`` of ``height (B, 1, H, W)`` in metres.

    Heights over their mean, both gradients and the Laplacian, each in units of its own deviation:
    relief spans three decades, shape does not. The deviations come apart, as logarithms.
    """
    level = height - height.mean(dim=(2, 3), keepdim=True)
    padded = F.pad(height, (1, 1, 1, 1), mode="replicate")
    down = (padded[:, :, 2:, 1:-1] - padded[:, :, :-2, 1:-1]) / 2
    right = (padded[:, :, 1:-1, 2:] - padded[:, :, 1:-1, :-2]) / 2
    near = padded[:, :, 2:, 1:-1] + padded[:, :, :-2, 1:-1]
    bent = (near + padded[:, :, 1:-1, 2:] + padded[:, :, 1:-1, :-2]) / 4 - height
    steep = torch.cat([down, right], dim=1)
    planes, scales = [], []
    for plane in (level, steep, bent):
        scale = (plane.square().mean(dim=(1, 2, 3), keepdim=True) + LEAST**2).sqrt()
        planes.append(plane / scale)
        scales.append(scale.log().flatten(1))
    return torch.cat(planes, dim=1), torch.cat(scales, dim=1)


class Trunk(nn.Module):
    """Strided convolutions from planes to ``(B, widths[-1], H / 16, W / 16)``."""

    def __init__(self, widths: tuple[int, ...] = (24, 48, 96, 128)) -> None:
        super().__init__()
        self.first = nn.Conv2d(PLANES, widths[0], 3, padding=1, padding_mode="replicate")
        pairs = zip(widths, (*widths[1:], widths[-1]), strict=True)
        self.blocks = nn.ModuleList([Block(before, after) for before, after in pairs])

    def forward(self, planes: Tensor) -> Tensor:
        x = F.leaky_relu(self.first(planes), 0.2)
        for block in self.blocks:
            x = block(x)
        return x


class Block(nn.Module):
    """A residual block that halves the side (no normalisation, as R1 penalties want it)."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inner, inner, 3, padding=1, padding_mode="replicate")
        self.down = nn.Conv2d(inner, outer, 4, stride=2, padding=1, padding_mode="replicate")
        self.skip = nn.Conv2d(inner, outer, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = F.leaky_relu(self.down(F.leaky_relu(self.conv(x), 0.2)), 0.2)
        return (y + self.skip(F.avg_pool2d(x, 2))) * 0.5**0.5


class TerrainCritic(nn.Module):
    """Projection critic (Miyato & Koyama, 1802.05637) with the batch's deviation as a feature
    (Karras et al., 1710.10196): ``(x, condition (B, C), given) -> Verdict``.
    """

    def __init__(
        self,
        condition_dim: int,
        *,
        widths: tuple[int, ...] = (24, 48, 96, 128),
        feature_dim: int = 128,
        tile: int = 64,
    ) -> None:
        super().__init__()
        self.feature_dim = feature_dim
        self.trunk = Trunk(tuple(widths))
        side = max(1, tile // 2 ** len(widths))
        inner = (widths[-1] + 1) * side * side + SCALES
        self.features = nn.Sequential(nn.Linear(inner, feature_dim), nn.LeakyReLU(0.2))
        self.score = nn.Linear(feature_dim, 1)
        self.asked = nn.Linear(condition_dim + 2, feature_dim)

    def forward(self, x: TensorDict, condition: Tensor, given: TensorDict) -> Verdict:
        planes, scales = views(x["height"])
        inner = self.trunk(planes)
        spread = inner.std(dim=0, unbiased=False).mean() if len(inner) > 1 else inner.new_zeros(())
        inner = torch.cat([inner, spread.expand(len(inner), 1, *inner.shape[2:])], dim=1)
        features = self.features(torch.cat([inner.flatten(1), scales], dim=1))
        asked = self.asked(torch.cat([condition, limit_code(condition, given)], dim=1))
        score = self.score(features).squeeze(1) + (asked * features).sum(dim=1) / len(asked[0])
        return Verdict(score, features)


class TerrainEncoder(nn.Module):
    """``(x, condition, given) -> (mean (B, Z), log variance (B, Z))`` on the coarse cells."""

    def __init__(
        self,
        condition_dim: int,
        *,
        latent_dim: int = 256,
        tile: int = 64,
        widths: tuple[int, ...] = (24, 48, 96),
    ) -> None:
        super().__init__()
        side = tile // 8
        self.trunk = Trunk(tuple(widths))
        self.asked = nn.Linear(condition_dim + SCALES, widths[-1])
        self.out = nn.Conv2d(widths[-1], 2 * latent_dim // (side * side), 1)

    def forward(self, x: TensorDict, condition: Tensor, given: TensorDict) -> tuple[Tensor, Tensor]:
        planes, scales = views(x["height"])
        asked = self.asked(torch.cat([condition, scales], dim=1))[:, :, None, None]
        mean, log_variance = self.out(F.leaky_relu(self.trunk(planes) + asked, 0.2)).chunk(2, dim=1)
        return mean.flatten(1), log_variance.flatten(1).clamp(-10, 4) - 2


class TerrainPredictor(nn.Module):
    """``(x, given) -> features (B, F)`` for the framework's property heads."""

    def __init__(
        self, *, widths: tuple[int, ...] = (16, 32, 64, 96), feature_dim: int = 96
    ) -> None:
        super().__init__()
        self.feature_dim = feature_dim
        self.hparams = {"widths": tuple(widths), "feature_dim": feature_dim}
        self.trunk = Trunk(tuple(widths))
        self.features = nn.Linear(widths[-1] + SCALES, feature_dim)

    def forward(self, x: TensorDict, given: TensorDict | None = None) -> Tensor:
        planes, scales = views(x["height"])
        pooled = self.trunk(planes).mean(dim=(2, 3))
        return F.leaky_relu(self.features(torch.cat([pooled, scales], dim=1)), 0.2)
