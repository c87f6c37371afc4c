"""The hinge game (Lim & Ye 2017, 1705.02894; Miyato et al. 2018, 1802.05957)."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import relu

from physgan.domain import Verdict
from physgan.objectives.base import Objective


class Hinge(Objective):
    """L_D = E_p[1-D]+ + E_q[1+D]+, L_G = -E_q D; the best critic is sign(p-q)."""

    signed = True

    def critic_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        return relu(1 - real.score).mean() + relu(1 + fake[0].score).mean()

    def generator_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        return -fake[0].score.mean()
