"""The original game, in its minimax and its non-saturating form (Goodfellow 2014, 1406.2661).

With p the data, q the model and D a logit, the best critic is logit p/(p+q) and reaches
L_D = log 4 - 2 JSD(p, q).
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus

from physgan.domain import Verdict
from physgan.errors import InputError
from physgan.objectives.base import Objective


class Minimax(Objective):
    """L_D = E_p[a sp(-D) + (1-a) sp(D)] + E_q sp(D), L_G = -E_q sp(D).

    ``real_target`` a in (0, 1] smooths the real label only (Salimans et al. 2016, 1606.03498).
    """

    signed = True

    def __init__(self, real_target: float = 1.0) -> None:
        if not 0 < real_target <= 1:
            raise InputError(f"real_target is {real_target}", fix="choose it in (0, 1]")
        super().__init__(real_target=real_target)

    def critic_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        target = self.hparams["real_target"]
        on_real = target * softplus(-real.score) + (1 - target) * softplus(real.score)
        return on_real.mean() + softplus(fake[0].score).mean()

    def generator_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        return -softplus(fake[0].score).mean()

    def makers_loss(self, real: Verdict, fake: Verdict) -> Tensor:
        """E_q sp(-D) + E_p sp(D), without the smoothing, which is the critic's."""
        return softplus(-fake.score).mean() + softplus(real.score).mean()


class NonSaturating(Minimax):
    """The critic of ``Minimax`` with L_G = E_q sp(-D), whose slope survives a winning critic."""

    def generator_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        return softplus(-fake[0].score).mean()
