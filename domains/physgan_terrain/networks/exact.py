"""Numbers on a grid, so that a network says the same on any machine and in any window.

A sum of products is the same in whatever order it is taken only if no partial sum is rounded. With
activations in steps of 2^-a up to ``LARGEST`` and weights in steps of 2^-w, float32 holds every
partial sum of a convolution exactly while ``LARGEST sum |w| 2^(a + w) <= 2^24``; what is left are
operations on single numbers, which IEEE 754 rounds alike everywhere.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

ACTIVATION = 6
"""Binary places of an activation."""
LARGEST = 8.0
SETTING = 10
"""Binary places of gains and biases, and of heights in metres."""
FINE = 20
"""Binary places of weights whose sums are taken in float64."""
EXACT = 24


def snap(x: Tensor, places: int) -> Tensor:
    """``x`` rounded to multiples of ``2^-places``."""
    return torch.round(x * 2.0**places) / 2.0**places


def activation_(x: Tensor) -> Tensor:
    """``x``, in place, on the grid of activations, clamped to the largest."""
    return x.clamp_(-LARGEST, LARGEST).mul_(2.0**ACTIVATION).round_().div_(2.0**ACTIVATION)


def exact_places(weight: Tensor) -> int:
    """Binary places at which every partial sum with ``weight (out, ...)`` is exact in float32."""
    total = float(weight.detach().double().abs().flatten(1).sum(dim=1).max())
    # One unit in reserve: rounding the weights can raise their sum.
    room = EXACT - 1 - ACTIVATION - math.ceil(math.log2(max(LARGEST * total, 1.0)))
    return max(1, room)


def scale_to_fit(x: Tensor) -> Tensor:
    """Powers of two ``(W,)`` that bring each channel of ``x (1, W, H, W')`` just within
    ``LARGEST``; what hardly speaks is raised by 2^6 at most."""
    largest = x.abs().amax(dim=(0, 2, 3)).clamp(min=2.0**-3)
    return torch.exp2(torch.floor(torch.log2(LARGEST / largest)))


def snap_weight_(conv: nn.Conv2d) -> None:
    """Put the weight of ``conv``, in place, on the finest grid that sums exactly."""
    conv.weight.copy_(snap(conv.weight, exact_places(conv.weight)))
