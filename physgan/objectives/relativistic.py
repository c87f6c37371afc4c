"""Relativistic games (Jolicoeur-Martineau 2018, 1807.00734): only differences of scores count.

Both are invariant to a constant added to the critic, so its last bias gets no gradient.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus

from physgan.domain import Verdict
from physgan.objectives.base import Objective
from physgan.objectives.gather import gather_rows


class RelativisticPaired(Objective):
    """L_D = E sp(-(C(x) - C(Gz))) over pairs, and L_G with real and fake exchanged.

    Real and fake batches must have the same size. With R1 and R2 this is the loss of R3GAN
    (Huang et al. 2024, 2501.05441).
    """

    real_in_generator = True

    def critic_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        return softplus(fake[0].score - real.score).mean()

    def generator_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        return softplus(real.score - fake[0].score).mean()


class RelativisticAverage(Objective):
    """L_D = E_p sp(-(C - mean_q C)) + E_q sp(C - mean_p C), and L_G with p and q exchanged.

    The means run over the batch of all processes.
    """

    real_in_generator = True

    def critic_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        return _against_average(real.score, fake[0].score)

    def generator_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        return _against_average(fake[0].score, real.score)


def _against_average(high: Tensor, low: Tensor) -> Tensor:
    above = softplus(gather_rows(low).mean() - high).mean()
    below = softplus(low - gather_rows(high).mean()).mean()
    return above + below
