"""The relativistic game over pairs (Jolicoeur-Martineau 2018, 1807.00734)."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus

from physgan.domain import Verdict
from physgan.objectives.base import Objective


class RelativisticPaired(Objective):
    """L_D = E sp(-(C(x) - C(Gz))) over pairs, and L_G with real and fake exchanged.

    Only differences count: a constant added to the critic changes nothing, so its last bias gets
    no gradient. Real and fake batches must have the same size. With R1 and R2 this is the loss of
    R3GAN (Huang et al. 2024, 2501.05441).
    """

    real_in_generator = True

    def critic_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        return softplus(fake[0].score - real.score).mean()

    def generator_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        return softplus(real.score - fake[0].score).mean()
