"""Latent and condition to a crystal in one pass: template, elements, coordinates and lattice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from tensordict import TensorDict
from torch import Tensor, nn
from torch.nn import functional as F

from physgan.domain import Generator
from physgan_crystal.networks.mixture import mixture_draw, mixture_log_density
from physgan_crystal.networks.slots import ELEMENTS, SlotTokens, SlotTransformer

if TYPE_CHECKING:
    from physgan_crystal.symmetry.library import TemplateLibrary

NARROWEST = 5e-3
WIDEST = 0.3


class CrystalGenerator(Generator):
    """p(template | z) p(elements | template, z) p(coordinates, lattice | elements, template, z).

    Tokens of the orbits attend to each other before elements are drawn, and again with the drawn
    elements before geometry is, so that both agree across the crystal. Elements are drawn with
    straight-through gradients; geometry is a mixture that is sampled, never averaged.
    Below 1, ``temperature`` narrows the geometry that is drawn: it divides the logits of the
    mixture and multiplies its scales, as for the sampling of any maximum-likelihood model, whose
    components are too wide wherever the data are few. ``elements (100,)`` marks the elements of
    the training data; no other is ever drawn.
    """

    lattice_mean: Tensor
    lattice_std: Tensor
    elements: Tensor

    def __init__(
        self,
        library: TemplateLibrary,
        condition_dim: int,
        lattice_scale: tuple[Tensor, Tensor],
        elements: Tensor,
        *,
        latent_dim: int = 32,
        width: int = 128,
        attention_heads: int = 4,
        layers: int = 2,
        components: int = 16,
        temperature: float = 1.0,
    ) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.components = components
        self.temperature = temperature
        self.library = library
        self.slots = SlotTokens(library, width)
        inner = latent_dim + condition_dim
        self.template = nn.Sequential(
            nn.Linear(inner, width), nn.GELU(), nn.Linear(width, library.orbit_mask.shape[0])
        )
        self.latent = nn.Sequential(nn.Linear(inner, width), nn.GELU(), nn.Linear(width, width))
        self.first = SlotTransformer(width, attention_heads, layers)
        self.logits = nn.Linear(width, ELEMENTS)
        self.species = nn.Linear(ELEMENTS, width, bias=False)
        self.second = SlotTransformer(width, attention_heads, layers)
        self.whole = nn.Sequential(nn.Linear(2 * width, width), nn.GELU())
        self.weights = nn.Linear(width, components)
        self.lattice = nn.Linear(width, components * 12)
        self.most_free = max(1, int(library.free.sum(dim=-1).max()))
        self.coord = nn.Linear(width, components * 2 * self.most_free)
        with torch.no_grad():
            spread = torch.zeros(components, 2, self.most_free)
            spread[:, 0] = 0.2 * torch.randn(components, self.most_free)
            self.coord.bias.copy_(spread.flatten())
        self.register_buffer("elements", elements.bool().clone())
        self.register_buffer("lattice_mean", lattice_scale[0].clone())
        self.register_buffer("lattice_std", lattice_scale[1].clone())

    def forward(self, z: Tensor, condition: Tensor, given: TensorDict) -> TensorDict:
        inner = torch.cat([z, condition], dim=-1)
        template = torch.distributions.Categorical(logits=self.template(inner)).sample()
        return self._complete(template, inner)

    def reconstruct(
        self, x: TensorDict, z: Tensor, condition: Tensor, given: TensorDict
    ) -> TensorDict:
        return self._complete(x["template"], torch.cat([z, condition], dim=-1))

    def nll(
        self, x: TensorDict, z: Tensor, condition: Tensor, given: TensorDict
    ) -> dict[str, Tensor]:
        template, inner = x["template"], torch.cat([z, condition], dim=-1)
        present = self.slots.mask(template)
        tokens, logits = self._elements(template, inner, present)
        picked = (logits.log_softmax(dim=-1) * x["species"]).sum(dim=-1)
        weights, coord, lattice = self._geometry(template, tokens, x["species"], present)
        density = mixture_log_density(
            weights,
            (x["coord"][..., : self.most_free], *coord),
            ((x["lattice"] - self.lattice_mean) / self.lattice_std, *lattice),
            self.library.free[template][..., : self.most_free],
            self.library.lattice_free[template],
        )
        return {
            "template": F.cross_entropy(self.template(inner), template, reduction="none"),
            "species": -(picked * present).sum(dim=-1),
            "geometry": -density,
        }

    def _complete(self, template: Tensor, inner: Tensor) -> TensorDict:
        present = self.slots.mask(template)
        tokens, logits = self._elements(template, inner, present)
        species = F.gumbel_softmax(logits, tau=1.0, hard=True) * present.unsqueeze(-1)
        weights, coord, lattice = self._geometry(template, tokens, species, present)
        u, cell = mixture_draw(weights, coord, lattice, self.temperature)
        u = F.pad(u, (0, 3 - self.most_free))
        cell = self.lattice_mean + self.lattice_std * cell
        held = self.library.lattice_free[template]
        x = {
            "template": template,
            "species": species,
            "coord": torch.where(self.library.free[template], u, torch.zeros_like(u)),
            "lattice": torch.where(held, cell, self.library.lattice_fixed[template]),
        }
        return TensorDict(x, batch_size=[len(template)])

    def _elements(self, template: Tensor, inner: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
        """Orbit tokens ``(B, K, W)`` and logits over elements ``(B, K, 100)``."""
        tokens = self.slots(template) + self.latent(inner).unsqueeze(1)
        tokens = self.first(tokens, present)
        logits = self.logits(tokens)
        return tokens, logits.masked_fill(~self.elements, -1e9)

    def _geometry(
        self, template: Tensor, tokens: Tensor, species: Tensor, present: Tensor
    ) -> tuple[Tensor, tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """Mixture logits ``(B, M)``, coordinate and lattice means and scales."""
        tokens = self.second(tokens + self.species(species), present)
        shape = (len(template), tokens.shape[1], self.components, 2, self.most_free)
        here = present.unsqueeze(-1).to(tokens.dtype)
        mean = (tokens * here).sum(dim=1) / here.sum(dim=1)
        most = tokens.masked_fill(~present.unsqueeze(-1), -1e4).amax(dim=1)
        whole = self.whole(torch.cat([mean, most], dim=-1))
        coord = self.coord(tokens).view(shape)
        narrow = NARROWEST + (WIDEST - NARROWEST) * torch.sigmoid(coord[..., 1, :] - 2)
        cell = self.lattice(whole).view(len(template), self.components, 2, 6)
        width = 1e-2 + F.softplus(cell[:, :, 1] - 1)
        return self.weights(whole), (coord[..., 0, :], narrow), (cell[:, :, 0], width)
