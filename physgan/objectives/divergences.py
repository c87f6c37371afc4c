"""The divergences of f-GAN as a table (Nowozin et al. 2016, 1606.00709, tables 1, 2 and 6).

D_f(p, q) = E_q f(p/q) = sup over T of E_p T - E_q f*(T), reached at T = f'(p/q). An activation g
keeps T = g(v) inside the domain of the conjugate f*(t) = sup over u >= 0 of u t - f(u).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import softplus

from physgan.objectives.wright_omega import log_wright_omega

Map = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Divergence:
    """``f``, its ``slope`` f', ``activation`` g, ``conjugate`` f* for t below ``limit`` (or at it,
    where ``closed``), and ``conjugate_of_activation`` f*(g(v)), which stays finite where the two in
    turn overflow."""

    name: str
    f: Map
    slope: Map
    activation: Map
    conjugate: Map
    conjugate_of_activation: Map
    limit: float = math.inf
    closed: bool = False

    @property
    def signed(self) -> bool:
        """Whether the best critic V = g^-1(f'(r)) has the sign of r - 1: it rises with r, so that
        is whether g(0) = f'(1)."""
        zero, one = torch.zeros((), dtype=torch.float64), torch.ones((), dtype=torch.float64)
        return math.isclose(self.activation(zero), self.slope(one), abs_tol=1e-12)


def _jeffreys_conjugate(t: Tensor) -> Tensor:
    # w = W(e^{1-t}) is 1/u at the best u; log w stays finite where w does not.
    log_w = log_wright_omega(1 - t)
    return log_w.exp() + (-log_w).exp() + t - 2


def _pearson_conjugate(t: Tensor) -> Tensor:
    # Below -2 the best u is 0; the paper's table leaves this branch out.
    return torch.where(t >= -2, t.square() / 4 + t, torch.full_like(t, -1.0))


DIVERGENCES: dict[str, Divergence] = {
    d.name: d
    for d in (
        Divergence(
            "kl",
            f=lambda u: torch.xlogy(u, u),
            slope=lambda u: 1 + u.log(),
            activation=lambda v: v,
            conjugate=lambda t: (t - 1).exp(),
            conjugate_of_activation=lambda v: (v - 1).exp(),
        ),
        Divergence(
            "reverse-kl",
            f=lambda u: -u.log(),
            slope=lambda u: -1 / u,
            activation=lambda v: -(-v).exp(),
            conjugate=lambda t: -1 - (-t).log(),
            conjugate_of_activation=lambda v: v - 1,
            limit=0.0,
        ),
        Divergence(
            "jeffreys",
            f=lambda u: (u - 1) * u.log(),
            slope=lambda u: 1 + u.log() - 1 / u,
            activation=lambda v: v,
            conjugate=_jeffreys_conjugate,
            conjugate_of_activation=_jeffreys_conjugate,
        ),
        Divergence(
            "hellinger",
            f=lambda u: (u.sqrt() - 1).square(),
            slope=lambda u: 1 - u.rsqrt(),
            activation=lambda v: 1 - (-v).exp(),
            conjugate=lambda t: t / (1 - t),
            conjugate_of_activation=lambda v: v.exp() - 1,
            limit=1.0,
        ),
        Divergence(
            "bhattacharyya",
            f=lambda u: 1 - u.sqrt(),
            slope=lambda u: -0.5 * u.rsqrt(),
            activation=lambda v: -(-v).exp(),
            conjugate=lambda t: -1 / (4 * t) - 1,
            conjugate_of_activation=lambda v: v.exp() / 4 - 1,
            limit=0.0,
        ),
        Divergence(
            "tv",
            f=lambda u: 0.5 * (u - 1).abs(),
            slope=lambda u: 0.5 * (u - 1).sign(),
            activation=lambda v: 0.5 * v.tanh(),
            conjugate=lambda t: t.clamp(min=-0.5),
            conjugate_of_activation=lambda v: 0.5 * v.tanh(),
            limit=0.5,
            closed=True,
        ),
        Divergence(
            "pearson",
            f=lambda u: (u - 1).square(),
            slope=lambda u: 2 * (u - 1),
            activation=lambda v: v,
            conjugate=_pearson_conjugate,
            conjugate_of_activation=_pearson_conjugate,
        ),
        Divergence(
            "js",
            f=lambda u: torch.xlogy(u, u) - (u + 1) * ((1 + u) / 2).log(),
            slope=lambda u: (2 * u / (1 + u)).log(),
            activation=lambda v: math.log(2) - softplus(-v),
            conjugate=lambda t: -(2 - t.exp()).log(),
            conjugate_of_activation=lambda v: softplus(v) - math.log(2),
            limit=math.log(2),
        ),
        Divergence(
            "gan",
            f=lambda u: torch.xlogy(u, u) - (u + 1) * (1 + u).log(),
            slope=lambda u: (u / (1 + u)).log(),
            activation=lambda v: -softplus(-v),
            conjugate=lambda t: -torch.log1p(-t.exp()),
            conjugate_of_activation=softplus,
            limit=0.0,
        ),
    )
}
