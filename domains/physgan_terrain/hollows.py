"""Where water cannot leave: how deep cells lie below all their neighbours, and under water."""

from __future__ import annotations

import torch
from torch import Tensor

SCALES = (1, 2, 4)
"""Cells a side over which heights are meant before a critic looks for pits."""


def pit_depth(z: Tensor) -> Tensor:
    """Mean depth of the interior cells below all their eight neighbours, over the deviation of
    the steps to the side, ``(B,)`` of ``z (B, 1, H, W)``; zero exactly when there is no such cell.
    """
    # The least of the eight neighbours, without the cell itself.
    rows = torch.minimum(torch.minimum(z[:, :, :-2], z[:, :, 1:-1]), z[:, :, 2:])
    sides = torch.minimum(rows[..., :-2], rows[..., 2:])
    ends = torch.minimum(z[:, :, :-2, 1:-1], z[:, :, 2:, 1:-1])
    depth = torch.relu(torch.minimum(sides, ends) - z[:, :, 1:-1, 1:-1])
    down, right = z[:, :, 1:] - z[:, :, :-1], z[..., 1:] - z[..., :-1]
    squares = down.square().mean(dim=(1, 2, 3)) + right.square().mean(dim=(1, 2, 3))
    step = (squares / 2).add(1e-4).sqrt()
    return depth.mean(dim=(1, 2, 3)) / step.detach()


def fill_depth(z: Tensor) -> Tensor:
    """Mean depth of the water that a flood leaves in ``z (B, 1, H, W)``, over the relief, ``(B,)``:
    what cannot drain within the tile, at every scale. Zero exactly where all of it drains."""
    from physgan_terrain.slope.spill import filled

    relief = (z.amax(dim=(1, 2, 3)) - z.amin(dim=(1, 2, 3))).clamp(min=1e-6)
    return (filled(z) - z).mean(dim=(1, 2, 3)) / relief.detach()
