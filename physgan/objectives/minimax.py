"""The original game (Goodfellow et al. 2014, 1406.2661) in its minimax form."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus

from physgan.domain import Verdict
from physgan.objectives.base import Objective, require


class Minimax(Objective):
    """L_D = E_p[a sp(-D) + (1-a) sp(D)] + E_q sp(D), L_G = -E_q sp(D).

    With p the data, q the model and D a logit, the best critic is logit p/(p+q) and reaches
    L_D = log 4 - 2 JSD(p, q). ``real_target`` a in (0, 1] smooths the real label only (Salimans et
    al. 2016, 1606.03498).
    """

    signed = True

    def __init__(self, real_target: float = 1.0) -> None:
        require(0 < real_target <= 1, f"real_target is {real_target}", "choose it in (0, 1]")
        super().__init__(real_target=real_target)

    def critic_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        target = self.hparams["real_target"]
        on_real = target * softplus(-real.score) + (1 - target) * softplus(real.score)
        return on_real.mean() + self.fake_loss(fake[0])

    def fake_loss(self, fake: Verdict) -> Tensor:
        return softplus(fake.score).mean()

    def generator_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        return -softplus(fake[0].score).mean()

    def makers_loss(self, real: Verdict, fake: Verdict) -> Tensor:
        """E_q sp(-D) + E_p sp(D), without the smoothing, which is the critic's."""
        return softplus(-fake.score).mean() + softplus(real.score).mean()
