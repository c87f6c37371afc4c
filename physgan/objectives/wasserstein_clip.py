"""The Wasserstein objective as first trained, by weight clipping (Arjovsky et al., 1701.07875)."""

from __future__ import annotations

from torch import nn

from physgan.domain import Verdict
from physgan.objectives.base import require
from physgan.objectives.clipping import clip_weights
from physgan.objectives.wasserstein import Wasserstein


class WassersteinClip(Wasserstein):
    """``Wasserstein`` with every parameter of the critic clipped to [-c, c] after its step.

    A linear critic then reaches c times the 1-norm of the difference of means.
    """

    def __init__(self, c: float = 0.01) -> None:
        require(c > 0, f"the clipping bound c is {c}", "choose c > 0")
        super().__init__(c=c)

    def after_critic_step(self, critic: nn.Module, real: Verdict, *fake: Verdict) -> None:
        clip_weights(critic, -self.hparams["c"], self.hparams["c"])
