"""Tiles in other forms that real ones could have had."""

from __future__ import annotations

import torch
from tensordict import TensorDict

from physgan_terrain import exact
from physgan_terrain.loading import LEAST_LIMIT

GENTLER = 0.25
"""Share of steep tiles that are scaled down, so that low limits are learned on real shapes."""
STEEP = 20.0
LEAST_SCALE = 0.35
LIMITLESS = 0.15
"""Share of tiles without a limit, so that none may be asked for."""


def vary(batch: TensorDict, generator: torch.Generator, cell: float, step: float) -> TensorDict:
    """``batch`` turned and mirrored, its heights spread over their ``step`` in metres, and some
    steep tiles with less relief; properties and limits follow.

    Real heights come in whole steps, which a critic would see at once in what is continuous.
    """
    height, limit = batch["x", "height"], batch["given", "limit"]
    count = len(height)
    # Drawn where the generator lives, so that every device gets the same numbers.
    device = height.device
    flips = (torch.rand(count, 3, generator=generator) < 0.5).to(device)
    for axis, flip in zip((2, 3), flips[:, :2].T, strict=True):
        height = torch.where(flip[:, None, None, None], height.flip(axis), height)
    height = torch.where(flips[:, 2, None, None, None], height.transpose(2, 3), height)
    spread = torch.rand(height.shape, generator=generator).to(device) - 0.5
    # The sea is flat; what stands at its level is not spread.
    height = height + step * spread * (height > 0)
    chosen = (torch.rand(count, generator=generator) < GENTLER).to(device) & (limit > STEEP)
    scale = LEAST_SCALE + (1 - LEAST_SCALE) * torch.rand(count, generator=generator).to(device)
    scale = torch.where(chosen, scale, torch.ones_like(scale))
    low = height.amin(dim=(1, 2, 3), keepdim=True)
    height = low + (height - low) * scale[:, None, None, None]
    y = batch["y"].clone()
    for name, value in exact.formulas(cell).items():
        if name in y.keys():  # noqa: SIM118
            y[name] = value(height)
    steepest = exact.steepest_edge(height, cell).clamp(min=LEAST_LIMIT)
    free = (torch.rand(count, generator=generator) < LIMITLESS).to(device)
    steepest = torch.where(free, torch.inf, steepest)
    out = batch.clone(recurse=False)
    out["x"] = TensorDict({"height": height}, [count])
    out["y"] = y
    out["given"] = TensorDict({"limit": steepest}, [count])
    return out
