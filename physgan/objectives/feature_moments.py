"""What McGAN's objectives share: a distance between moments of critic features (1702.08398)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from physgan.domain import Verdict
from physgan.objectives.base import Objective, features_of, require
from physgan.objectives.clipping import clip_weights
from physgan.objectives.gather import gather_rows


class FeatureMoments(Objective):
    """L_G = ``distance`` of real and fake features, L_D = -L_G: the inner maximum in closed form.

    A regulariser on the witness function bounds the features or, as in the paper, clipping the
    weights to [-c, c]. Moments run over the batch of all processes.
    """

    real_in_generator = True

    def __init__(self, c: float | None, **hparams: Any) -> None:
        require(c is None or c > 0, f"the clipping bound c is {c}", "choose c > 0")
        super().__init__(c=c, **hparams)

    @abstractmethod
    def distance(self, real: Tensor, fake: Tensor) -> Tensor:
        """Of features ``(B, F)`` of all processes, a scalar."""

    def critic_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        return -self.generator_loss(real, *fake)

    def generator_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        return self.distance(gather_rows(features_of(real)), gather_rows(features_of(fake[0])))

    def makers_loss(self, real: Verdict, fake: Verdict) -> Tensor:
        """The distance itself, which is the same with both exchanged."""
        return self.generator_loss(real, fake)

    def after_critic_step(self, critic: nn.Module, real: Verdict, *fake: Verdict) -> None:
        if (c := self.hparams["c"]) is not None:
            clip_weights(critic, -c, c)


def slope(function: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
    """The gradient of a scalar function, off the graph: where the inner maximum is reached."""
    with torch.enable_grad():
        at = at.detach().requires_grad_()
        return torch.autograd.grad(function(at), at)[0]
