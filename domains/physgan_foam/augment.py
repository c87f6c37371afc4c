"""Turned, mirrored and shifted foams: they coarsen just as well."""

from __future__ import annotations

from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor


def vary(batch: TensorDict, generator: torch.Generator) -> TensorDict:
    """The batch turned by a number of right angles, mirrored and shifted along the torus, alike in
    every frame of every row, by numbers of ``generator``; a box that is no square is not turned."""
    labels = batch["given"]["labels"]  # type: ignore[index]
    height, width = labels.shape[-2:]
    draw = torch.rand(4, generator=generator).tolist()
    quarter = int(4 * draw[0]) if height == width else 2 * int(2 * draw[0])
    shift = int(draw[2] * height), int(draw[3] * width)

    def turned(field: Tensor) -> Tensor:
        if draw[1] < 0.5:
            field = field.flip(-1)
        return field.rot90(quarter, dims=(-2, -1)).roll(shift, dims=(-2, -1)).contiguous()

    out: Any = batch.clone(recurse=False)
    for part in ("given", "x"):
        inner = out[part].clone(recurse=False)
        inner["labels"] = turned(inner["labels"])
        out[part] = inner
    return out
