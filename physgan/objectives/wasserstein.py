"""Wasserstein objectives: the critic's mean difference over a bounded family of functions.

``Wasserstein`` leaves the bound to a regulariser (gradient penalty, 1704.00028; spectral norm);
``WassersteinClip`` bounds every weight itself (Arjovsky et al. 2017, 1701.07875).
"""

from __future__ import annotations

from torch import Tensor, nn

from physgan.domain import Verdict
from physgan.errors import InputError
from physgan.objectives.base import Objective
from physgan.objectives.clipping import clip_weights


class Wasserstein(Objective):
    """L_D = E_q D - E_p D, L_G = -E_q D."""

    def critic_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        return fake[0].score.mean() - real.score.mean()

    def generator_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        return -fake[0].score.mean()


class WassersteinClip(Wasserstein):
    """``Wasserstein`` with every parameter of the critic clipped to [-c, c] after its step.

    A linear critic then reaches c times the 1-norm of the difference of means.
    """

    def __init__(self, c: float = 0.01) -> None:
        if c <= 0:
            raise InputError(f"the clipping bound c is {c}", fix="choose c > 0")
        super().__init__(c=c)

    def after_critic_step(self, critic: nn.Module, real: Verdict, *fake: Verdict) -> None:
        clip_weights(critic, -self.hparams["c"], self.hparams["c"])
