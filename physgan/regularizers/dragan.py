"""DRAGAN: the gradient penalty around the data (Kodali et al. 2017, 1705.07215)."""

from __future__ import annotations

import torch
from tensordict import TensorDict
from torch import Tensor

from physgan.errors import InputError
from physgan.regularizers.base import CriticFn, Regularizer, score_gradient


class DRAGAN(Regularizer):
    """weight * E (|grad D(x + d)| - target)^2 with d = ``spread`` std(x) u, u ~ U(0, 1).

    The deviation is each leaf's own over the batch, as in the authors' code; each sample has its
    own norm over all leaves.
    """

    def __init__(self, weight: float = 10.0, target: float = 1.0, spread: float = 0.5) -> None:
        if weight < 0 or target < 0 or spread < 0:
            raise InputError(
                f"DRAGAN with weight {weight}, target {target}, spread {spread}",
                fix="choose all >= 0",
            )
        super().__init__(weight=weight, target=target, spread=spread)

    def forward(self, critic_fn: CriticFn, real: TensorDict, fake: TensorDict) -> Tensor:
        square, zero = score_gradient(critic_fn, self._around(real))
        # The clamp gives a vanishing gradient a zero derivative where the root has none.
        excess = square.clamp(min=1e-24).sqrt() - self.hparams["target"]
        return self.hparams["weight"] * excess.square().mean() + zero

    def _around(self, x: TensorDict) -> TensorDict:
        def leaf(value: Tensor) -> Tensor:
            if not value.is_floating_point():
                return value
            reach = self.hparams["spread"] * value.std(correction=0)
            return value + reach * torch.rand_like(value)

        return x.apply(leaf)  # type: ignore[return-value]
