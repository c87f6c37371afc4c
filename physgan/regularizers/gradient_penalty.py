"""The gradient penalty of WGAN-GP (Gulrajani et al. 2017, 1704.00028)."""

from __future__ import annotations

import torch
from tensordict import TensorDict
from torch import Tensor

from physgan.errors import InputError
from physgan.regularizers.base import CriticFn, Regularizer, score_gradient
from physgan.tensors import lerp


class GradientPenalty(Regularizer):
    """weight * E (|grad D(x^)| - target)^2 with x^ = eps x + (1 - eps) G(z), eps ~ U(0, 1).

    Each sample has its own eps, shared by its leaves, and its own norm over them. ``one_sided``
    penalises only norms above the target.
    """

    def __init__(self, weight: float = 10.0, target: float = 1.0, one_sided: bool = False) -> None:
        if weight < 0 or target < 0:
            raise InputError(
                f"gradient penalty with weight {weight} and target {target}",
                fix="choose both >= 0",
            )
        super().__init__(weight=weight, target=target, one_sided=one_sided)
        self.one_sided = one_sided

    def forward(self, critic_fn: CriticFn, real: TensorDict, fake: TensorDict) -> Tensor:
        eps = torch.rand(real.batch_size[0], device=next(iter(real.values(True, True))).device)
        square, zero = score_gradient(critic_fn, lerp(real, fake, eps))
        # The clamp gives a vanishing gradient a zero derivative where the root has none.
        excess = square.clamp(min=1e-24).sqrt() - self.hparams["target"]
        if self.one_sided:
            excess = excess.relu()
        return self.hparams["weight"] * excess.square().mean() + zero


class OneSidedGradientPenalty(GradientPenalty):
    """``GradientPenalty`` that leaves gradients below the target alone (1704.00028, section 4)."""

    def __init__(self, weight: float = 10.0, target: float = 1.0) -> None:
        super().__init__(weight, target, one_sided=True)
        del self.hparams["one_sided"]
