"""What several processes must agree on, by plain collectives after each backward.

Gradients are summed by hand rather than by DistributedDataParallel's hooks, which stay silent
when only a gradient penalty is differentiated (pytorch#47562).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


class World:
    """The group of processes; with one process every method is a no-op."""

    def __init__(self, rank: int = 0, size: int = 1) -> None:
        self.rank, self.size = rank, size

    def average_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Mean of ``grad`` over processes; a parameter that no process reached keeps None."""
        if self.size == 1 or not parameters:
            return
        reached = parameters[0].new_tensor([float(p.grad is not None) for p in parameters])
        dist.all_reduce(reached)
        used = [p for p, n in zip(parameters, reached.tolist(), strict=True) if n]
        if not used:
            return
        flat = torch.cat(
            [(torch.zeros_like(p) if p.grad is None else p.grad).reshape(-1) for p in used]
        )
        dist.all_reduce(flat)
        flat /= self.size
        for parameter, mean in zip(used, flat.split([p.numel() for p in used]), strict=True):
            parameter.grad = mean.view_as(parameter).clone()

    def share(self, tensors: Sequence[Tensor]) -> None:
        """Everyone takes the first process's values, in place."""
        if self.size > 1:
            for tensor in tensors:
                dist.broadcast(tensor, src=0)

    def any(self, flag: bool, device: torch.device) -> bool:
        """Whether ``flag`` is set anywhere."""
        if self.size == 1:
            return flag
        said = torch.tensor(float(flag), device=device)
        dist.all_reduce(said, op=dist.ReduceOp.MAX)
        return bool(said.item())

    def gather(self, value: Any) -> list[Any]:
        """Every process's ``value``, by rank."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value)
        return values

    def wait(self) -> None:
        """Until all have come here."""
        if self.size > 1:
            dist.barrier()
