"""One mixture over all free coordinates and lattice numbers of a crystal."""

from __future__ import annotations

import math

import torch
from torch import Tensor

WRAPS = (-1.0, 0.0, 1.0)


def wrapped_log_density(value: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
    """Log density of a normal wrapped on the unit circle (period 1), broadcasting.

    Three images suffice for ``scale`` <= 0.3: the next one weighs below 1e-7.
    """
    gap = torch.remainder(value - mean + 0.5, 1.0) - 0.5
    images = torch.stack([-0.5 * ((gap + n) / scale).square() for n in WRAPS])
    return torch.logsumexp(images, dim=0) - scale.log() - 0.5 * math.log(2 * math.pi)


def normal_log_density(value: Tensor, mean: Tensor, scale: Tensor) -> Tensor:
    """Log density of a normal, broadcasting."""
    return -0.5 * ((value - mean) / scale).square() - scale.log() - 0.5 * math.log(2 * math.pi)


def mixture_log_density(
    weights: Tensor,
    coord: tuple[Tensor, Tensor, Tensor],
    lattice: tuple[Tensor, Tensor, Tensor],
    free: Tensor,
    lattice_free: Tensor,
) -> Tensor:
    """log sum_m w_m prod_k wrapped(u_k) prod_j normal(l_j), ``(B,)``.

    ``weights (B, M)`` logits; ``coord`` value ``(B, K, F)``, mean and scale ``(B, K, M, F)``;
    ``lattice`` value ``(B, 6)``, mean and scale ``(B, M, 6)``; masks ``free (B, K, F)`` and
    ``lattice_free (B, 6)``. One component index for the whole crystal, so that displacements
    and volume vary together.
    """
    u, mean, scale = coord
    sites = wrapped_log_density(u.unsqueeze(2), mean, scale) * free.unsqueeze(2)
    cells = normal_log_density(lattice[0].unsqueeze(1), lattice[1], lattice[2])
    each = sites.sum(dim=(1, 3)) + (cells * lattice_free.unsqueeze(1)).sum(dim=2)
    return torch.logsumexp(weights.log_softmax(dim=-1) + each, dim=-1)


def mixture_draw(
    weights: Tensor,
    coord: tuple[Tensor, Tensor],
    lattice: tuple[Tensor, Tensor],
    temperature: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """A draw ``coord (B, K, F)`` in [0, 1) and ``lattice (B, 6)``, reparametrised given the
    component; ``temperature`` divides the logits and multiplies the scales."""
    chosen = torch.distributions.Categorical(logits=weights / temperature).sample()
    row = torch.arange(len(chosen), device=chosen.device)
    mean, scale = (part[row, :, chosen] for part in coord)
    u = torch.remainder(mean + temperature * scale * torch.randn_like(mean), 1.0)
    mean, scale = (part[row, chosen] for part in lattice)
    return u, mean + temperature * scale * torch.randn_like(mean)
