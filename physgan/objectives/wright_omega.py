"""The logarithm of the Wright omega function, W(e^y) of the Lambert W, for torch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

ITERATIONS = 12
"""Of Newton's method, which from the right of a convex function's root converges monotonically."""


def log_wright_omega(y: Tensor) -> Tensor:
    """s with e^s + s = y, elementwise, so that W(e^y) = e^s; differentiable any number of times."""
    return _LogOmega.apply(y)  # type: ignore[no-any-return]


class _LogOmega(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, y: Tensor) -> Tensor:
        s = torch.where(y > 1, y.clamp(min=1).log(), y)
        for _ in range(ITERATIONS):
            power = s.exp()
            s = s - (power + s - y) / (power + 1)
        ctx.save_for_backward(s)
        return s

    @staticmethod
    def backward(ctx: Any, *outputs: Tensor) -> Tensor:
        (s,) = ctx.saved_tensors
        return outputs[0] / (1 + s.exp())
