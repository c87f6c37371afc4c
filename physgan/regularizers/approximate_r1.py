"""R1 by a finite difference, without a second derivative (APT, Lin et al. 2025, 2501.08316)."""

from __future__ import annotations

import torch
from tensordict import TensorDict
from torch import Tensor

from physgan.errors import InputError
from physgan.regularizers.base import CriticFn, Regularizer


class ApproximateR1(Regularizer):
    """weight * E |D(x) - D(x + sigma e)|^2 with e ~ N(0, I) in every floating leaf.

    For small sigma this is weight sigma^2 E |grad D|^2, so R1's gamma is 2 weight sigma^2. It
    needs no double backward, which sharded training does not have. The constants are to be
    chosen; the defaults are not the paper's.
    """

    def __init__(self, weight: float = 100.0, sigma: float = 0.01) -> None:
        if weight < 0 or sigma <= 0:
            raise InputError(
                f"approximate R1 with weight {weight} and sigma {sigma}",
                fix="choose weight >= 0 and sigma > 0",
            )
        super().__init__(weight=weight, sigma=sigma)

    def forward(self, critic_fn: CriticFn, real: TensorDict, fake: TensorDict) -> Tensor:
        near = shaken(real, self.hparams["sigma"])
        gap = critic_fn(real) - critic_fn(near)
        return self.hparams["weight"] * gap.square().mean()


def shaken(x: TensorDict, sigma: float) -> TensorDict:
    """``x`` with independent normal noise of deviation ``sigma`` on every floating leaf."""

    def leaf(value: Tensor) -> Tensor:
        return value + sigma * torch.randn_like(value) if value.is_floating_point() else value

    return x.apply(leaf)  # type: ignore[return-value]
