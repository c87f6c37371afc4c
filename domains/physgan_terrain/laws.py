"""The laws of terrain: the slope limit, exactly or as a residual, and valleys that drain."""

from __future__ import annotations

import math

import torch
from tensordict import TensorDict
from torch import Tensor
from torch.nn import functional as F

EDGE = math.cos(math.pi / 8)


def limits(x: TensorDict, given: TensorDict) -> Tensor:
    """The slope limit of each sample in degrees ``(B,)``; infinite where none is given."""
    limit = given.get("limit", None)
    height = x["height"]
    return height.new_full((len(height),), torch.inf) if limit is None else limit.to(height)


class SlopeLaw:
    """Mean over neighbours of the step beyond the limit's, relative to it, ``(B,)``.

    Zero exactly when the projection has nothing to do: no step to a side exceeds
    ``k = cos(22.5 deg) tan(limit) cell``, none to a corner ``sqrt(2) k``.
    """

    def __init__(self, cell: float) -> None:
        self.cell = cell

    def __call__(self, x: TensorDict, given: TensorDict) -> Tensor:
        z, limit = x["height"][:, 0], limits(x, given)
        known = torch.isfinite(limit) & (limit < 90)
        angle = torch.deg2rad(torch.where(known, limit, 45.0))
        k = (EDGE * self.cell * angle.tan()).clamp(min=1e-6)[:, None, None]
        steps = (
            (z[:, 1:] - z[:, :-1], 1.0),
            (z[:, :, 1:] - z[:, :, :-1], 1.0),
            (z[:, 1:, 1:] - z[:, :-1, :-1], math.sqrt(2)),
            (z[:, 1:, :-1] - z[:, :-1, 1:], math.sqrt(2)),
        )
        # Float32 heights of tiles that just keep their limit may exceed it by their rounding.
        over = [
            torch.relu(s.abs() / (k * length) - 1 - 1e-4).mean(dim=(1, 2)) for s, length in steps
        ]
        return torch.stack(over).mean(dim=0) * known


SCALES = (1, 2, 4)
"""Cells a side over which heights are meant before pits are looked for."""


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


class PitLaw:
    """``pit_depth`` of the heights and of their means over 2 and 4 cells, summed, ``(B,)``: water
    that cannot leave a hollow of some cells is as wrong as water that cannot leave one cell."""

    def __call__(self, x: TensorDict, given: TensorDict) -> Tensor:
        z = x["height"]
        return torch.stack([pit_depth(F.avg_pool2d(z, n) if n > 1 else z) for n in SCALES]).sum(0)


class SlopeCut:
    """The nearest surface, in its worst cell, that keeps every sample's slope limit."""

    def __init__(self, cell: float) -> None:
        self.cell = cell

    def __call__(self, x: TensorDict, given: TensorDict) -> TensorDict:
        from physgan_terrain.slope.envelope import SlopeProjection

        out = x.clone(recurse=False)
        out["height"] = SlopeProjection(self.cell)(x["height"], limits(x, given))
        return out
