"""What a pixel is told of its bubble: how large it is, and how many sides it has.

By von Neumann's law these two say how fast a bubble grows or when it dies; a network that sees some
pixels each way would have to add them up.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from physgan_foam import labels as fields

SMALLEST, LARGEST = -3.0, 1.5
"""Of log A/<A>; outside of these a bubble is about to die, or one of a million."""


def table(labels: fields.Labels) -> NDArray[np.float32]:
    """log A/<A>, clipped, and (n - 6)/2 of each label of ``(H, W)``, float32 ``(N, 2)``."""
    number = int(labels.max()) + 1
    area, sides = fields.areas(labels, number), fields.sides(labels, number)
    mean = labels.size / np.count_nonzero(area)
    size = np.log(np.maximum(area, 1.0) / mean).clip(SMALLEST, LARGEST)
    return np.stack([size, (sides - 6) / 2], axis=1).astype(np.float32)


def bubbles_of(labels: Tensor) -> Tensor:
    """The row of ``table`` of each pixel's bubble, ``(B, 2, H, W)``, of ``labels (B, H, W)`` on
    any device."""
    rows = torch.arange(len(labels), device=labels.device)[:, None, None]
    names = labels.long() + rows * (int(labels.max()) + 1)
    _, place, area = names.unique(return_inverse=True, return_counts=True)
    number = len(area)
    pairs = []
    for dim in (1, 2):
        other = place.roll(-1, dims=dim)
        pairs.append((torch.minimum(place, other) * number + torch.maximum(place, other)).flatten())
    met = torch.cat(pairs).unique()
    low, high = met // number, met % number
    ends = torch.cat([low[low != high], high[low != high]])
    sides = torch.bincount(ends, minlength=number)
    row = torch.zeros_like(area).scatter(0, place.flatten(), rows.expand_as(place).flatten())
    mean = labels[0].numel() / torch.bincount(row, minlength=len(labels))
    size = (area / mean[row]).log().clamp(SMALLEST, LARGEST)
    return torch.stack([size, (sides - 6) / 2])[:, place].movedim(1, 0).float()
