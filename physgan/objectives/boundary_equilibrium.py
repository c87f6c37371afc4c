"""BEGAN: energies of real and fake held in a ratio (Berthelot et al. 2017, 1703.10717)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from physgan.domain import Verdict
from physgan.objectives.base import Objective, require
from physgan.objectives.gather import gather_rows


class BoundaryEquilibrium(Objective):
    """L_D = E L(x) - k E L(Gz), L_G = E L(Gz), k <- clip(k + rate (gamma L(x) - L(Gz)), 0, 1).

    ``gamma`` trades diversity for fidelity. State: ``k``, and ``measure`` = L(x) + |gamma L(x) -
    L(Gz)|, which falls as the game converges.
    """

    autoencoding = True
    k: Tensor
    measure: Tensor

    def __init__(self, gamma: float = 0.5, rate: float = 0.001) -> None:
        require(0 < gamma <= 1, f"gamma is {gamma}", "choose it in (0, 1]")
        require(rate > 0, f"the rate of k is {rate}", "choose it > 0")
        super().__init__(gamma=gamma, rate=rate)
        self.register_buffer("k", torch.zeros(()))
        self.register_buffer("measure", torch.zeros(()))

    def critic_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        return real.score.mean() - self.k * fake[0].score.mean()

    def generator_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        return fake[0].score.mean()

    def after_critic_step(self, critic: nn.Module, real: Verdict, *fake: Verdict) -> None:
        on_real, on_fake = (gather_rows(v.score).mean() for v in (real, fake[0]))
        balance = self.hparams["gamma"] * on_real - on_fake
        self.k.add_(self.hparams["rate"] * balance).clamp_(0, 1)
        self.measure.copy_(on_real + balance.abs())
