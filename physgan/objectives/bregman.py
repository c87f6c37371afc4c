"""Bregman divergences, the transport costs of relaxed Wasserstein distances (1705.07164)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def bregman(phi: Callable[[Tensor], Tensor], x: Tensor, y: Tensor) -> Tensor:
    """B(x, y) = phi(x) - phi(y) - <grad phi(y), x - y>, ``(B,)``, the cost of moving y to x.

    ``phi`` maps ``(B, F)`` to ``(B,)`` and is strictly convex: half the square gives half the
    squared distance, negative entropy on the simplex the Kullback-Leibler divergence.
    """
    with torch.enable_grad():
        at = y if y.requires_grad else y.detach().requires_grad_()
        below = phi(at)
        (slope,) = torch.autograd.grad(below.sum(), at, create_graph=True)
    return phi(x) - below - (slope * (x - at)).sum(dim=1)
