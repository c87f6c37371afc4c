"""Von Neumann's law of a pass: dA/dtau = (pi/3)(n - 6) for each bubble (von Neumann 1952)."""

from __future__ import annotations

import math

import torch
from tensordict import TensorDict
from torch import Tensor

from physgan_foam import pointer

COEFFICIENT = math.pi / 3
HUBER = 1.0
"""Sides from which an error counts linearly: a change of neighbours that came early or late."""


class VonNeumannLaw:
    """Root mean square over bubbles, Huberised, of (A_l - A_l(t)) / (k dtau) - (n_l - 6), in sides.

    A_l are the areas that a prediction means and k = pi/3; dtau, in pixels squared, and the time
    means n_l are the pass's own data, ``dtau (B,)`` and ``mean_sides (B, N)``. For a bubble that
    is gone at the end of the pass n_l is what its area says, so that the law is that it vanishes.
    """

    def __call__(self, prediction: TensorDict, context: TensorDict) -> Tensor:
        return von_neumann_residual(
            pointer.soft_areas(
                prediction["logits"].softmax(dim=1), context["labels"], _bubbles(context)
            ),
            context,
        )


def von_neumann_residual(area: Tensor, context: TensorDict) -> Tensor:
    """The residual ``(B,)`` of the areas ``(B, N)`` after a pass."""
    labels = context["labels"]
    sides = context["pass"]["mean_sides"]
    before = pointer.areas(labels, sides.shape[1])
    present = before > 0
    scale = COEFFICIENT * context["pass"]["dtau"][:, None]
    lived = torch.isfinite(sides)
    rate = torch.where(lived, sides.nan_to_num() - 6, -before / scale)
    error = torch.where(present, (area - before) / scale - rate, 0.0)
    square = 2 * torch.nn.functional.huber_loss(
        error, torch.zeros_like(error), reduction="none", delta=HUBER
    )
    return (square.sum(1) / present.sum(1).clamp(min=1) + 1e-12).sqrt()


def _bubbles(context: TensorDict) -> int:
    return context["pass"]["mean_sides"].shape[1]
