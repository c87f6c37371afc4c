"""MAGAN: EBGAN whose margin follows the energy of the data (Wang et al. 2017, 1704.03817)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import relu

from physgan.domain import Verdict
from physgan.objectives.base import Objective, require
from physgan.objectives.gather import gather_rows


class MarginAdaptation(Objective):
    """L_D = E D(x) + E [m - D(Gz)]+, L_G = E D(Gz), with a margin m that only shrinks.

    After every ``period`` steps of the critic (an epoch of the paper's algorithm 1) with the mean
    energies of real and fake over them, m <- E_real if E_real < m, E_real < E_fake and E_fake has
    not fallen since the period before. Margin and history are state.
    """

    autoencoding = True
    margin: Tensor
    _energies: Tensor
    _steps: Tensor
    _fake_before: Tensor

    def __init__(self, margin: float = 1.0, period: int = 100) -> None:
        require(margin > 0, f"the first margin is {margin}", "choose it > 0")
        require(period >= 1, f"the period is {period}", "choose it >= 1")
        super().__init__(margin=margin, period=period)
        self.register_buffer("margin", torch.tensor(float(margin)))
        self.register_buffer("_energies", torch.zeros(2))
        self.register_buffer("_steps", torch.zeros(()))
        self.register_buffer("_fake_before", torch.tensor(torch.inf))

    def critic_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        return real.score.mean() + relu(self.margin - fake[0].score).mean()

    def generator_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        return fake[0].score.mean()

    def after_critic_step(self, critic: nn.Module, real: Verdict, *fake: Verdict) -> None:
        self._energies += torch.stack([gather_rows(v.score).mean() for v in (real, fake[0])])
        self._steps += 1
        # Without a branch, so that nothing waits for the accelerator.
        over = self._steps >= self.hparams["period"]
        on_real, on_fake = self._energies / self._steps
        shrinks = (on_real < self.margin) & (on_real < on_fake) & (on_fake >= self._fake_before)
        self.margin.copy_(torch.where(over & shrinks, on_real, self.margin))
        self._fake_before.copy_(torch.where(over, on_fake, self._fake_before))
        self._energies *= ~over
        self._steps *= ~over
