"""How much relief each octave of a set of tiles holds: where the generator's training begins."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from physgan_terrain.networks.doubling import doubled
from physgan_terrain.networks.windows import BLUR, Span


def log_octaves(height: Tensor, levels: int = 6) -> Tensor:
    """Log standard deviations in metres ``(B, levels)``, finest first, of the noise whose doubled
    and blurred octaves sum to surfaces of the variances of ``height (B, 1, S, S)``.

    The Laplacian pyramid (Burt & Adelson 1983): octave l is what the mean over 2^l cells has and
    the mean over 2^(l + 1) has not. The coarsest is what is left of a tile, floored by its
    neighbour, because a tile shows too little of it.
    """
    found, z = [], height
    for level in range(levels - 1):
        if z.shape[-1] < 4:
            found.append(found[-1])
            continue
        coarse = F.avg_pool2d(z, 2)
        detail = z - F.interpolate(coarse, scale_factor=2, mode="nearest")
        gain = blurred_share() if level else 1.0
        found.append(detail.flatten(1).std(dim=1) / gain)
        z = coarse
    left = z.flatten(1).std(dim=1) if z.shape[-1] > 1 else found[-1]
    found.append(torch.maximum(torch.nan_to_num(left), found[-1]))
    return torch.stack(found, dim=1).clamp(min=0.05).log()


def blurred_share() -> float:
    """Standard deviation of white noise of one level after it was doubled and blurred."""
    noise = torch.randn(1, 1, 64, 64, generator=torch.Generator().manual_seed(0))
    span, inner = Span(0, 64), Span(2, 126)
    fine = doubled(noise, (span, span), (inner, inner))
    assert inner.wider(BLUR).low >= 0
    return float(fine.std())
