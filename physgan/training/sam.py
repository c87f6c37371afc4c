"""Sharpness-aware minimisation: the gradient at the worst point nearby (2010.01412, eq. 2)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def worse_point(parameters: Sequence[nn.Parameter], rho: float) -> Iterator[None]:
    """Inside the block the parameters stand at w + rho g/|g|, g their gradient as a whole.

    They return to w exactly. Without a gradient they stay where they are.
    """
    slopes = [(p, p.grad.detach()) for p in parameters if p.grad is not None]
    kept = [(p, p.detach().clone()) for p, _ in slopes]
    with torch.no_grad():
        norm = nn.utils.get_total_norm([slope for _, slope in slopes]).clamp(min=1e-12)
        for parameter, slope in slopes:
            parameter += rho * slope / norm.to(slope.device)
    try:
        yield
    finally:
        with torch.no_grad():
            for parameter, value in kept:
                parameter.copy_(value)
