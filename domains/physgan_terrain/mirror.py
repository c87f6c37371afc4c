"""Tiles turned by quarters and mirrored, in metres or as the critic sees them."""

from __future__ import annotations

import torch
from tensordict import TensorDict
from torch import Tensor


def turned(x: TensorDict) -> TensorDict:
    """``x`` with each row in one of the square's eight forms, drawn evenly from torch's random
    state: heights ``height (B, 1, H, H)``, or ``planes`` and ``figures`` as ``critic.views`` makes
    them. Class, slope limit and every figure stay; gradients pass."""
    first: Tensor = x["planes" if "planes" in x.keys() else "height"]  # noqa: SIM118
    flips = torch.rand(3, len(first), 1, 1, 1, device=first.device) < 0.5
    out = x.clone(recurse=False)
    if "planes" in out.keys():  # noqa: SIM118
        out["planes"] = turned_planes(first, *flips)
    else:
        out["height"] = _moved(first, *flips)
    return out


def turned_planes(planes: Tensor, down: Tensor, right: Tensor, across: Tensor) -> Tensor:
    """``planes (B, 4, H, H)`` (height, both gradients, Laplacian) mirrored top to bottom, left to
    right and across the diagonal where the three masks ``(B, 1, 1, 1)`` hold, in this order: the
    planes of the heights that are mirrored so."""
    level, south, east, bent = _moved(planes, down, right, across).split(1, dim=1)
    # A mirror turns around the slope that points into it.
    south, east = torch.where(down, -south, south), torch.where(right, -east, east)
    south, east = torch.where(across, east, south), torch.where(across, south, east)
    return torch.cat([level, south, east, bent], dim=1)


def _moved(field: Tensor, down: Tensor, right: Tensor, across: Tensor) -> Tensor:
    field = torch.where(down, field.flip(2), field)
    field = torch.where(right, field.flip(3), field)
    return torch.where(across, field.transpose(2, 3), field)
