"""The pointer net: from which neighbours are of the same bubble to where each pixel points."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from physgan.errors import InputError
from physgan_foam.offsets import OFFSETS, REACH

NEIGHBOURS = len(OFFSETS) - 1
TOLD = 2
"""Numbers about its bubble that a pixel is told, see ``physgan_foam.told``."""


class PointerNet(nn.Module):
    """Labels with a rim of ``halo`` to logits over the 49 offsets.

    Input: the 48 equalities [L(x + o) = L(x)] as 1 and -1, so names of bubbles do not matter; then
    a 1 x 1 convolution, residual 3 x 3 ones at ``dilations``, all without padding, and a 1 x 1 to
    logits. A condition scales and shifts what each 3 x 3 convolution gives (FiLM, Perez et al.,
    1709.07871; at the start it does nothing). No normalisation: a box of any size is the same
    problem. With ``fold`` 2 a network pixel is 2 x 2 pixels: four times less work at equal
    ``width``, twice the field of view, and only shifts by even numbers commute with a pass.
    A pixel sees ``halo`` = 8 + fold sum(dilations) pixels each way. With ``bubbles`` it is told
    the area and the side number of its bubble (``physgan_foam.told``), which tell when a bubble
    dies, and would else have to be summed up over its pixels. The ready weights are without it: an
    hour of further training on two cores with it moved no figure beyond what seeds do.
    """

    def __init__(
        self,
        condition_dim: int,
        *,
        width: int = 64,
        dilations: Sequence[int] = (1, 2, 1, 4, 1, 2),
        fold: int = 2,
        noise: int = 0,
        bubbles: bool = False,
    ) -> None:
        super().__init__()
        if fold not in (1, 2):
            raise InputError(f"fold = {fold}", fix="1 or 2")
        self.width, self.fold, self.noise = width, fold, noise
        self.told = TOLD if bubbles else 0
        self.dilations = tuple(dilations)
        self.margin = fold * sum(self.dilations)
        self.halo = self.margin + REACH
        self.stem = nn.Conv2d((NEIGHBOURS + self.told + noise) * fold**2, width, 1)
        self.blocks = nn.ModuleList(nn.Conv2d(width, width, 3, dilation=d) for d in self.dilations)
        self.head = nn.Conv2d(width, len(OFFSETS) * fold**2, 1)
        self.film = nn.Sequential(
            nn.Linear(condition_dim, 64), nn.SiLU(), nn.Linear(64, 2 * width * len(self.blocks))
        )
        last = self.film[2]
        assert isinstance(last, nn.Linear)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        nn.init.zeros_(self.head.weight)
        with torch.no_grad():
            # at first far neighbours are unlikely, so that labels move little
            away = torch.tensor([max(abs(dy), abs(dx)) for dy, dx in OFFSETS])
            assert self.head.bias is not None
            self.head.bias.copy_((-away / 2.0).repeat_interleave(fold**2))

    def modulation(self, condition: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Scale and shift ``(B, width)`` of each block under ``condition (B, C)``."""
        parts = self.film(condition).chunk(2 * len(self.blocks), dim=1)
        return [(1 + parts[2 * i], parts[2 * i + 1]) for i in range(len(self.blocks))]

    def forward(
        self,
        padded: Tensor,
        condition: Tensor,
        told: Tensor | None = None,
        z: Tensor | None = None,
    ) -> Tensor:
        """Logits ``(B, 49, H, W)``, see ``activations``."""
        return self.logits(self.activations(padded, condition, told, z))

    def logits(self, activations: Tensor) -> Tensor:
        """``(B, 49, H, W)``."""
        return F.pixel_shuffle(self.head(activations), self.fold)

    def activations(
        self,
        padded: Tensor,
        condition: Tensor,
        told: Tensor | None = None,
        z: Tensor | None = None,
    ) -> Tensor:
        """What the last layer reads, ``(B, width, H / fold, W / fold)``, of ``padded`` labels
        ``(B, H + 2 halo, W + 2 halo)``, of what pixels are ``told (B, 2, H + 2 margin, W + 2
        margin)`` and of noise ``z (B, noise, H + 2 margin, W + 2 margin)`` where the network takes
        any."""
        seen = torch.cat([equalities(padded), *(f for f in (told, z) if f is not None)], dim=1)
        h = self.stem(F.pixel_unshuffle(seen, self.fold))
        for block, d, (scale, shift) in zip(
            self.blocks, self.dilations, self.modulation(condition), strict=True
        ):
            change = block(F.silu(h)) * scale[:, :, None, None] + shift[:, :, None, None]
            h = h[:, :, d:-d, d:-d] + change
        return F.silu(h)


def equalities(padded: Tensor) -> Tensor:
    """[L(x + o) = L(x)] as 1 and -1 for the 48 neighbours, ``(B, 48, H, W)``, of labels
    ``(B, H + 16, W + 16)``."""
    height, width = (size - 2 * REACH for size in padded.shape[-2:])
    own = padded[:, REACH : REACH + height, REACH : REACH + width]
    views = [
        padded[:, REACH + dy : REACH + dy + height, REACH + dx : REACH + dx + width] == own
        for dy, dx in OFFSETS[1:]
    ]
    return torch.stack(views, dim=1).to(torch.get_default_dtype()).mul_(2).sub_(1)
