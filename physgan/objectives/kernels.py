"""The maximum mean discrepancy of two batches (Gretton et al. 2012), and its witness function."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Kernel = Callable[[Tensor, Tensor], Tensor]
"""Rows ``(n, F)`` and ``(m, F)`` to ``(n, m)``."""


def linear(a: Tensor, b: Tensor) -> Tensor:
    """<a, b>, whose discrepancy is the squared distance of the means."""
    return a @ b.T


def gaussian(sigmas: tuple[float, ...], unit: Tensor | float = 1.0) -> Kernel:
    """Mean over ``sigmas`` of exp(-|a - b|^2 / 2 sigma^2), distances in units of ``unit``."""

    def kernel(a: Tensor, b: Tensor) -> Tensor:
        square = square_distances(a, b) / unit**2
        return torch.stack([torch.exp(-square / (2 * s**2)) for s in sigmas]).mean(dim=0)

    return kernel


def square_distances(a: Tensor, b: Tensor) -> Tensor:
    """|a_i - b_j|^2, ``(n, m)``, differentiable twice."""
    square = a.square().sum(1, keepdim=True) + b.square().sum(1) - 2 * a @ b.T
    return square.clamp(min=0)


def typical_distance(rows: Tensor) -> Tensor:
    """Root mean square distance between ``rows``, a scalar off the graph, above zero."""
    return (2 * rows.detach().var(dim=0, correction=0).sum()).clamp(min=1e-12).sqrt()


def discrepancy(kernel: Kernel, x: Tensor, y: Tensor) -> Tensor:
    """MMD^2 as a V-statistic, >= 0, a scalar."""
    return kernel(x, x).mean() + kernel(y, y).mean() - 2 * kernel(x, y).mean()


def witness(kernel: Kernel, at: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """E_x k(at, x) - E_y k(at, y), ``(n,)``: where the first is denser it is positive."""
    return kernel(at, x).mean(dim=1) - kernel(at, y).mean(dim=1)
