"""Relaxed Wasserstein GAN: Wasserstein in an asymmetric box (Guo et al. 2017, 1705.07164)."""

from __future__ import annotations

from torch import nn

from physgan.domain import Verdict
from physgan.objectives.base import require
from physgan.objectives.clipping import clip_weights
from physgan.objectives.wasserstein import Wasserstein


class RelaxedWasserstein(Wasserstein):
    """L_D = E_q D - E_p D and L_G = -E_q D, the parameters of D clipped to [c_lo, c_hi] after its
    step; no Bregman cost enters either loss.

    In the paper the transport cost is a Bregman divergence (``bregman``). It is not symmetric, and
    reaches training by its dual alone, as a box of the critic's weights that is not symmetric
    either. Which box belongs to which cost is not derived here: both bounds are the user's, and
    the default is the symmetric box of WGAN. A linear critic reaches
    sum_i max(d_i c_lo, d_i c_hi), d the difference of means.
    """

    def __init__(self, c_lo: float = -0.01, c_hi: float = 0.01) -> None:
        require(c_lo < c_hi, f"the box [{c_lo}, {c_hi}] is empty", "choose c_lo < c_hi")
        super().__init__(c_lo=c_lo, c_hi=c_hi)

    def after_critic_step(self, critic: nn.Module, real: Verdict, *fake: Verdict) -> None:
        clip_weights(critic, self.hparams["c_lo"], self.hparams["c_hi"])
