"""Which neighbours a pixel may take its next label from."""

from __future__ import annotations

import torch
from torch import Tensor

RADII = (1, 2, 3, 4, 6, 8)
"""Distances in pixels, along rows, columns and (so many each way) diagonals."""
DIRECTIONS = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))
"""(dy, dx), a quarter turn apart by two places."""
OFFSETS = ((0, 0), *((r * dy, r * dx) for r in RADII for dy, dx in DIRECTIONS))
"""The pixel itself, then 48 neighbours, radius by radius."""
REACH = max(RADII)


def wrap(labels: Tensor, rim: int) -> Tensor:
    """``labels (..., H, W)`` on a torus with a rim, ``(..., H + 2 rim, W + 2 rim)``; the rim may
    be wider than the box."""
    height, width = labels.shape[-2:]
    rows = torch.arange(-rim, height + rim, device=labels.device) % height
    columns = torch.arange(-rim, width + rim, device=labels.device) % width
    return labels.index_select(-2, rows).index_select(-1, columns)


def neighbours(padded: Tensor) -> Tensor:
    """``L(x + o)`` by offset, ``(B, 49, H, W)``, of labels ``(B, H + 16, W + 16)``."""
    height, width = (size - 2 * REACH for size in padded.shape[-2:])
    return torch.stack(
        [
            padded[:, REACH + dy : REACH + dy + height, REACH + dx : REACH + dx + width]
            for dy, dx in OFFSETS
        ],
        dim=1,
    )
