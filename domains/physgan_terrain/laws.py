"""The law of terrain: the slope limit, exactly or as a residual."""

from __future__ import annotations

import math

import torch
from tensordict import TensorDict
from torch import Tensor

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


class SlopeCut:
    """The nearest surface, in its worst cell, that keeps every sample's slope limit."""

    def __init__(self, cell: float) -> None:
        self.cell = cell

    def __call__(self, x: TensorDict, given: TensorDict) -> TensorDict:
        from physgan_terrain.slope.envelope import SlopeProjection

        out = x.clone(recurse=False)
        out["height"] = SlopeProjection(self.cell)(x["height"], limits(x, given))
        return out
