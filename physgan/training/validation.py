"""Figures on held-out rows, which neither disturb nor depend on the state of training."""

from __future__ import annotations

import torch
from tensordict import TensorDict
from torch import Tensor

from physgan.cores.base import Core
from physgan.training import rng


@torch.no_grad()
def validate(core: Core, rows: TensorDict, batch_size: int, seed: int) -> dict[str, float]:
    """Means of ``core.validation_loss`` over ``rows``, always with the random numbers of ``seed``;
    the first decides which weights are best."""
    sums: dict[str, Tensor] = {}
    training = core.training
    core.eval()
    with rng.isolated(seed):
        for part in rows.split(min(batch_size, len(rows))):
            for name, value in core.validation_loss(part).items():
                weighed = value.float() * len(part) / len(rows)
                sums[name] = sums.get(name, torch.zeros_like(weighed)) + weighed
    core.train(training)
    values = torch.stack(list(sums.values())).tolist() if sums else []
    return dict(zip(sums, values, strict=True))
