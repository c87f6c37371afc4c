"""What a network is told of a template's orbits before anything is placed on them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from physgan_crystal.symmetry.library import TemplateLibrary

ELEMENTS = 100
"""Width of a species vector: index Z - 1."""


class SlotTokens(nn.Module):
    """Tokens ``(B, K, width)`` of the orbits of templates ``(B,)``.

    Each orbit is described by its multiplicity, its free parameters and the affine map of its
    first atom, so templates that resemble each other share what is learned; a small embedding of
    the template itself and of the orbit's place adds the rest.
    """

    descriptor: Tensor
    present: Tensor
    group_of: Tensor

    def __init__(self, library: TemplateLibrary, width: int) -> None:
        super().__init__()
        self.register_buffer("descriptor", _describe(library), persistent=False)
        self.register_buffer("present", library.orbit_mask.clone(), persistent=False)
        templates, orbits = library.orbit_mask.shape
        self.describe = nn.Linear(self.descriptor.shape[-1], width)
        self.template = nn.Embedding(templates, width)
        self.group = nn.Embedding(231, width)
        self.register_buffer("group_of", library.group.long().clone(), persistent=False)
        self.place = nn.Parameter(0.02 * torch.randn(orbits, width))
        nn.init.normal_(self.template.weight, std=0.02)
        nn.init.normal_(self.group.weight, std=0.02)

    def forward(self, template: Tensor) -> Tensor:
        whole = self.template(template) + self.group(self.group_of[template])
        return self.describe(self.descriptor[template]) + self.place + whole.unsqueeze(1)

    def mask(self, template: Tensor) -> Tensor:
        """True where an orbit exists, ``(B, K)``."""
        return self.present[template]


def _describe(library: TemplateLibrary) -> Tensor:
    """``(T, K, 20)``: presence, free flags, log multiplicity, first atom's offset and matrix."""
    templates, orbits = library.orbit_mask.shape
    first = torch.zeros(templates, orbits, dtype=torch.long)
    for atom in reversed(range(library.atom_mask.shape[1])):
        rows = library.atom_mask[:, atom].nonzero().squeeze(1)
        first[rows, library.atom_orbit[rows, atom]] = atom
    rows = torch.arange(templates).unsqueeze(1)
    offset = library.offset[rows, first].float()
    matrix = library.matrix[rows, first].float().flatten(2)
    angle = 2 * math.pi * offset
    many = library.multiplicity.clamp(min=1).float().log().unsqueeze(-1)
    flags = library.free.float()
    mask = library.orbit_mask.unsqueeze(-1).float()
    found = torch.cat([mask, flags, many, angle.sin(), angle.cos(), matrix], dim=-1)
    return found * mask


def transformer(width: int, heads: int, layers: int) -> nn.TransformerEncoder:
    """Pre-norm self-attention over a set of tokens; no positions, no dropout."""
    layer = nn.TransformerEncoderLayer(
        width, heads, 2 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
    )
    return nn.TransformerEncoder(layer, layers, nn.LayerNorm(width), enable_nested_tensor=False)
