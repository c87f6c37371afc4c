"""What a network is told of a template's orbits before anything is placed on them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional as F

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


class SlotTransformer(nn.TransformerEncoder):
    """Pre-norm self-attention over sets of tokens of unequal size; no positions, no dropout.

    Crystals have few orbits and batches are padded to the most that any has. So what acts on
    single tokens runs on those present, side by side, and attention on crystals of like size.
    """

    def __init__(self, width: int, heads: int, layers: int) -> None:
        layer = nn.TransformerEncoderLayer(
            width, heads, 2 * width, 0.0, "gelu", batch_first=True, norm_first=True
        )
        super().__init__(layer, layers, nn.LayerNorm(width), enable_nested_tensor=False)
        self.heads = heads

    def forward(self, tokens: Tensor, present: Tensor) -> Tensor:  # type: ignore[override]
        """``tokens (B, K, W)``, ``present (B, K)`` bool to ``(B, K, W)``, zero where absent."""
        rows = present.flatten().nonzero().squeeze(1)
        groups = _alike(present.sum(dim=1))
        x = tokens.flatten(0, 1)[rows]
        for layer in self.layers:
            assert isinstance(layer, nn.TransformerEncoderLayer)
            x = x + self._attend(layer.self_attn, layer.norm1(x), groups)
            x = x + layer.linear2(F.gelu(layer.linear1(layer.norm2(x))))
        assert self.norm is not None
        out = x.new_zeros(present.numel(), x.shape[1])
        return out.index_copy(0, rows, self.norm(x)).view(tokens.shape)

    def _attend(
        self, attention: nn.MultiheadAttention, x: Tensor, groups: list[tuple[Tensor, Tensor]]
    ) -> Tensor:
        joint = F.linear(x, attention.in_proj_weight, attention.in_proj_bias)
        mixed = torch.zeros_like(x)
        for place, there in groups:
            parts = joint[place].view(*place.shape, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
            query, key, value = parts
            weights = query @ key.transpose(-1, -2) / math.sqrt(query.shape[-1])
            weights = weights.masked_fill(~there[:, None, None], -torch.inf).softmax(dim=-1)
            own = (weights @ value).transpose(1, 2).flatten(2)
            mixed = mixed.index_copy(0, place[there], own[there])
        return attention.out_proj(mixed)


def _alike(counts: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Sets of 1-4, 5-8, 9-16, ... of the ``counts (B,)`` tokens that stand side by side: for each
    group the tokens' places ``(b, k)`` and whether they are there."""
    start = counts.cumsum(0) - counts
    groups, low, most = [], 0, 4
    largest = int(counts.max()) if len(counts) else 0
    while low < largest:
        members = ((counts > low) & (counts <= most)).nonzero().squeeze(1)
        if len(members):
            steps = torch.arange(min(most, largest), device=counts.device)
            there = steps < counts[members].unsqueeze(1)
            place = start[members].unsqueeze(1) + steps
            groups.append((place.where(there, start[members].unsqueeze(1)), there))
        low, most = most, 2 * most
    return groups
