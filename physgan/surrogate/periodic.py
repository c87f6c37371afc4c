"""Fields of a torus in other forms that they could have had, row by row, with gradients."""

from __future__ import annotations

import torch
from tensordict import TensorDict
from torch import Tensor

from physgan.tensors import float_leaves


def shifted(x: TensorDict, turned: bool = False) -> TensorDict:
    """``x`` with each row shifted at random around the torus, all leaves ``(B, C, H, W)`` alike.

    ``turned``: also mirrored, and where H = W turned by quarters, in one of the torus's forms drawn
    evenly; right for scalars without a preferred direction. Numbers are torch's.
    """
    first = next(iter(float_leaves(x).values()))
    rows, (height, width) = len(first), first.shape[-2:]
    down, right = (_places(rows, side, turned, first.device) for side in (height, width))
    across = torch.rand(rows, 1, 1, 1, device=first.device) < 0.5
    batch = torch.arange(rows, device=first.device)[:, None, None]

    def move(field: Tensor) -> Tensor:
        if turned and height == width:
            field = torch.where(across, field.transpose(2, 3), field)
        found = field.movedim(1, -1)[batch, down[:, :, None], right[:, None, :]]
        return found.movedim(-1, 1)

    return x.apply(move)  # type: ignore[return-value]


def _places(rows: int, side: int, mirrored: bool, device: torch.device) -> Tensor:
    """Where each of ``side`` points comes from, ``(rows, side)``."""
    place = torch.arange(side, device=device).expand(rows, side)
    if mirrored:
        place = torch.where(torch.rand(rows, 1, device=device) < 0.5, -place, place)
    shift = (torch.rand(rows, 1, device=device) * side).long()
    return (place + shift) % side
