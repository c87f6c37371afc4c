"""Weights of a critic held in a box, so that the functions it can be are bounded."""

from __future__ import annotations

import torch
from torch import nn


@torch.no_grad()
def clip_weights(critic: nn.Module, low: float, high: float) -> None:
    """Every parameter of ``critic`` into [low, high], in place."""
    for parameter in critic.parameters():
        parameter.clamp_(low, high)
