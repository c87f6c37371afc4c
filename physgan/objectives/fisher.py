"""Fisher GAN: a critic of bounded second moment (Mroueh & Sercu 2017, 1705.09675)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from physgan.domain import Verdict
from physgan.objectives.base import Objective, require
from physgan.objectives.gather import gather_rows


class Fisher(Objective):
    """max over f of E + l (1 - O) - rho/2 (O - 1)^2, E = E_p f - E_q f, O = (E_p f^2 + E_q f^2)/2.

    The multiplier l starts at 0 and moves by rho (O - 1) after each step of the critic; it is the
    state. At the optimum O = 1 and E^2 = sum (p-q)^2 / ((p+q)/2), a chi-squared distance.
    """

    multiplier: Tensor

    def __init__(self, rho: float = 1e-6) -> None:
        require(rho > 0, f"the penalty weight rho is {rho}", "choose rho > 0")
        super().__init__(rho=rho)
        self.register_buffer("multiplier", torch.zeros(()))

    def critic_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        excess = self._second_moment(real, fake[0]) - 1
        gap = real.score.mean() - fake[0].score.mean()
        return self.multiplier * excess + self.hparams["rho"] / 2 * excess.square() - gap

    def generator_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        return -fake[0].score.mean()

    def makers_loss(self, real: Verdict, fake: Verdict) -> Tensor:
        """E_p f - E_q f: the bound is the critic's to keep."""
        return real.score.mean() - fake.score.mean()

    def after_critic_step(self, critic: nn.Module, real: Verdict, *fake: Verdict) -> None:
        self.multiplier += self.hparams["rho"] * (self._second_moment(real, fake[0]) - 1)

    def _second_moment(self, real: Verdict, fake: Verdict) -> Tensor:
        rows = gather_rows(real.score).square().mean(), gather_rows(fake.score).square().mean()
        return (rows[0] + rows[1]) / 2
