"""Rows of every process, for objectives whose loss couples the samples of a batch."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import Tensor


def gather_rows(rows: Tensor) -> Tensor:
    """The rows ``(B, ...)`` of all processes as ``(P * B, ...)``, differentiable through all.

    Without an initialised process group these are the local rows. Every process must hold the
    same number of rows. The backward pass sums what all processes ask of a row, so the average
    that DDP takes of the gradients is the gradient of the mean of the losses.
    """
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return rows
    from torch.distributed.nn.functional import all_gather

    return torch.cat(list(all_gather(rows.contiguous())))
