"""The Wasserstein objective: the critic's mean difference over a bounded family of functions."""

from __future__ import annotations

from torch import Tensor

from physgan.domain import Verdict
from physgan.objectives.base import Objective


class Wasserstein(Objective):
    """L_D = E_q D - E_p D, L_G = -E_q D (Arjovsky et al. 2017, 1701.07875).

    The bound is left to a regulariser: a gradient penalty (WGAN-GP, 1704.00028), spectral norm.
    """

    def critic_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        return fake[0].score.mean() - real.score.mean()

    def generator_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        return -fake[0].score.mean()
