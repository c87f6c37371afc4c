"""The relativistic game against the average (Jolicoeur-Martineau 2018, 1807.00734)."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus

from physgan.domain import Verdict
from physgan.objectives.base import Objective
from physgan.objectives.gather import gather_rows


class RelativisticAverage(Objective):
    """L_D = E_p sp(-(C - mean_q C)) + E_q sp(C - mean_p C), and L_G with p and q exchanged.

    Only differences count: a constant added to the critic changes nothing, so its last bias gets
    no gradient. The means run over the batch of all processes.
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
