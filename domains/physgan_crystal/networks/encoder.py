"""Crystal and condition to a Gaussian over latents."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from physgan_crystal.networks.slots import ELEMENTS, SlotTokens, SlotTransformer

if TYPE_CHECKING:
    from physgan_crystal.symmetry.library import TemplateLibrary


class CrystalEncoder(nn.Module):
    """A set transformer over orbit tokens and one global token that carries the lattice.

    ``(x, condition (B, C), given) -> (mean (B, Z), log variance (B, Z))``.
    """

    free: Tensor
    lattice_mean: Tensor
    lattice_std: Tensor

    def __init__(
        self,
        library: TemplateLibrary,
        condition_dim: int,
        lattice_scale: tuple[Tensor, Tensor],
        *,
        latent_dim: int = 32,
        width: int = 128,
        attention_heads: int = 4,
        layers: int = 3,
    ) -> None:
        super().__init__()
        self.slots = SlotTokens(library, width)
        self.species = nn.Linear(ELEMENTS, width, bias=False)
        self.coord = nn.Linear(12, width)
        self.whole = nn.Sequential(
            nn.Linear(6 + condition_dim, width), nn.GELU(), nn.Linear(width, width)
        )
        self.mix = SlotTransformer(width, attention_heads, layers)
        self.readout = nn.Linear(width, 2 * latent_dim)
        self.register_buffer("free", library.free.float(), persistent=False)
        self.register_buffer("lattice_mean", lattice_scale[0].clone())
        self.register_buffer("lattice_std", lattice_scale[1].clone())

    def forward(self, x: TensorDict, condition: Tensor, given: TensorDict) -> tuple[Tensor, Tensor]:
        template = x["template"]
        angle = 2 * math.pi * x["coord"]
        free = self.free[template]
        waves = torch.cat([angle.sin(), angle.cos(), (4 * angle).sin(), (4 * angle).cos()], dim=-1)
        tokens = self.slots(template) + self.species(x["species"])
        tokens = tokens + self.coord(waves * free.repeat(1, 1, 4))
        lattice = (x["lattice"] - self.lattice_mean) / self.lattice_std
        whole = self.whole(torch.cat([lattice, condition], dim=-1)).unsqueeze(1)
        present = self.slots.mask(template)
        there = torch.cat([torch.ones_like(present[:, :1]), present], dim=1)
        mixed = self.mix(torch.cat([whole, tokens], dim=1), there)
        mean, log_variance = self.readout(mixed[:, 0]).chunk(2, dim=-1)
        return mean, log_variance.clamp(-10, 4) - 2
