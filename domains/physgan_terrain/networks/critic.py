"""What a tile looks like to the critic, the encoder and the predictor: its shape and its scale."""

from __future__ import annotations

import itertools

import torch
from tensordict import TensorDict
from torch import Tensor, nn
from torch.nn import functional as F

from physgan.critics import ProjectionScore
from physgan.domain import Verdict
from physgan_terrain.hollows import SCALES, pit_depth
from physgan_terrain.networks.generator import limit_code

PLANES = 4
LEAST = 0.05
"""Metres (and metres per cell) below which a plane counts as flat."""
OCTAVES = 5
FIGURES = 3 + OCTAVES + 6 + len(SCALES)


def views(height: Tensor) -> tuple[Tensor, Tensor]:
    """Planes ``(B, 4, H, W)`` and figures ``(B, 17)`` of ``height (B, 1, H, W)`` in metres.

    Heights over their mean, both gradients and the Laplacian, each in units of its own deviation:
    relief spans three decades, shape does not. The figures say what that leaves out and what a
    convolution sees late: logarithms of the deviations and of the octaves of a Laplacian pyramid,
    the hypsometric integral, the skews of heights and curvature, the spread of slopes, pits.
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
        scales.append(scale.log().flatten(1) / 2)
    shape, _, curved = planes
    figures = [*scales, octaves(height), hypsometry(height), *moments(shape), *moments(curved)]
    slope = (down.square() + right.square() + LEAST**2).sqrt().flatten(1)
    figures += [(slope.std(dim=1) / slope.mean(dim=1))[:, None], pits(height)]
    return torch.cat(planes, dim=1), torch.cat(figures, dim=1)


def octaves(height: Tensor) -> Tensor:
    """Half the log deviations ``(B, 5)`` of the finest octaves of a Laplacian pyramid."""
    found = []
    for _ in range(OCTAVES):
        coarse = F.avg_pool2d(height, 2)
        detail = height - F.interpolate(coarse, scale_factor=2, mode="nearest")
        found.append((detail.square().mean(dim=(1, 2, 3)) + LEAST**2).log() / 4)
        height = coarse
    return torch.stack(found, dim=1)


def hypsometry(height: Tensor) -> Tensor:
    """Four times the hypsometric integral over one half, ``(B, 1)``."""
    low, high = height.amin(dim=(1, 2, 3)), height.amax(dim=(1, 2, 3))
    share = (height.mean(dim=(1, 2, 3)) - low) / (high - low + LEAST)
    return 4 * (share - 0.5)[:, None]


def moments(plane: Tensor) -> tuple[Tensor, Tensor]:
    """Compressed skew and log kurtosis, each ``(B, 1)``, of planes of deviation 1."""
    flat = plane.flatten(1)
    flat = flat - flat.mean(dim=1, keepdim=True)
    skew = flat.pow(3).mean(dim=1, keepdim=True)
    kurtosis = flat.pow(4).mean(dim=1, keepdim=True)
    return torch.asinh(skew), (kurtosis + LEAST).log() - 1


def pits(height: Tensor) -> Tensor:
    """Compressed logs ``(B, 3)`` of how deep pits are, by scale (``hollows.pit_depth``)."""
    scales = [F.avg_pool2d(height, n) if n > 1 else height for n in SCALES]
    depth = torch.stack([pit_depth(z) for z in scales], dim=1)
    return (depth + 1e-3).log() / 4 + 1


class Trunk(nn.Module):
    """Convolutions from planes to ``(B, widths[-1], H / 2^n, W / 2^n)`` for n widths.

    Two by two cells become channels first: nothing is lost, and the finest level, where a
    convolution is dearest, costs a quarter.
    """

    def __init__(self, widths: tuple[int, ...] = (32, 64, 96, 128)) -> None:
        super().__init__()
        self.first = nn.Conv2d(4 * PLANES, widths[0], 3, padding=1)
        pairs = itertools.pairwise(widths)
        self.blocks = nn.ModuleList([Block(before, after) for before, after in pairs])

    def forward(self, planes: Tensor) -> Tensor:
        x = F.leaky_relu(self.first(F.pixel_unshuffle(planes, 2)), 0.2)
        for block in self.blocks:
            x = block(x)
        return x


class Block(nn.Module):
    """A residual block that halves the side (no normalisation, as R1 penalties want it)."""

    def __init__(self, inner: int, outer: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inner, inner, 3, padding=1)
        self.down = nn.Conv2d(inner, outer, 3, padding=1)
        self.skip = nn.Conv2d(inner, outer, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = F.avg_pool2d(F.leaky_relu(self.conv(x), 0.2), 2)
        return (F.leaky_relu(self.down(y), 0.2) + self.skip(F.avg_pool2d(x, 2))) * 0.5**0.5


class TerrainCritic(nn.Module):
    """A projection critic (``ProjectionScore``) with the batch's deviation as a feature (Karras et
    al., 1710.10196): ``(x, condition (B, C), given) -> Verdict``.
    """

    def __init__(
        self,
        condition_dim: int,
        *,
        widths: tuple[int, ...] = (32, 64, 96, 128),
        feature_dim: int = 128,
        tile: int = 64,
    ) -> None:
        super().__init__()
        self.feature_dim = feature_dim
        self.trunk = Trunk(tuple(widths))
        side = max(1, tile // 2 ** len(widths))
        inner = (widths[-1] + 1) * side * side
        self.seen, self.told = nn.Linear(inner, feature_dim), nn.Linear(FIGURES, feature_dim)
        self.features = nn.Sequential(
            nn.LeakyReLU(0.2), nn.Linear(2 * feature_dim, feature_dim), nn.LeakyReLU(0.2)
        )
        self.score = nn.Linear(feature_dim, 1)
        self.asked = nn.Linear(condition_dim + 2, feature_dim)
        self.verdict = ProjectionScore(self.score, self.asked, scale=feature_dim)

    def prepare(self, x: TensorDict) -> TensorDict:
        """The planes and figures of ``x``, in whose units gradient penalties are taken."""
        planes, figures = views(x["height"])
        return TensorDict({"planes": planes, "figures": figures}, x.batch_size)

    def forward(self, x: TensorDict, condition: Tensor, given: TensorDict) -> Verdict:
        seen = x if "planes" in x.keys() else self.prepare(x)  # noqa: SIM118
        inner = self.trunk(seen["planes"])
        spread = inner.std(dim=0, unbiased=False).mean() if len(inner) > 1 else inner.new_zeros(())
        inner = torch.cat([inner, spread.expand(len(inner), 1, *inner.shape[2:])], dim=1)
        both = [self.seen(inner.flatten(1)), self.told(seen["figures"])]
        features = self.features(torch.cat(both, dim=1))
        asked = torch.cat([condition, limit_code(condition, given)], dim=1)
        return self.verdict(features, asked)


class TerrainEncoder(nn.Module):
    """``(x, condition, given) -> (mean (B, Z), log variance (B, Z))`` on the coarse cells."""

    def __init__(
        self,
        condition_dim: int,
        *,
        latent_dim: int = 256,
        tile: int = 64,
        widths: tuple[int, ...] = (32, 64, 96),
    ) -> None:
        super().__init__()
        side = tile // 8
        self.trunk = Trunk(tuple(widths))
        self.asked = nn.Linear(condition_dim + FIGURES, widths[-1])
        self.out = nn.Conv2d(widths[-1], 2 * latent_dim // (side * side), 1)

    def forward(self, x: TensorDict, condition: Tensor, given: TensorDict) -> tuple[Tensor, Tensor]:
        planes, figures = views(x["height"])
        asked = self.asked(torch.cat([condition, figures], dim=1))[:, :, None, None]
        mean, log_variance = self.out(F.leaky_relu(self.trunk(planes) + asked, 0.2)).chunk(2, dim=1)
        return mean.flatten(1), log_variance.flatten(1).clamp(-10, 4) - 2


class TerrainPredictor(nn.Module):
    """``(x, given) -> features (B, F)`` for the framework's property heads."""

    def __init__(
        self, *, widths: tuple[int, ...] = (32, 48, 64, 96), feature_dim: int = 96
    ) -> None:
        super().__init__()
        self.feature_dim = feature_dim
        self.hparams = {"widths": tuple(widths), "feature_dim": feature_dim}
        self.trunk = Trunk(tuple(widths))
        self.features = nn.Linear(widths[-1] + FIGURES, feature_dim)

    def forward(self, x: TensorDict, given: TensorDict | None = None) -> Tensor:
        planes, figures = views(x["height"])
        pooled = self.trunk(planes).mean(dim=(2, 3))
        return F.leaky_relu(self.features(torch.cat([pooled, figures], dim=1)), 0.2)
