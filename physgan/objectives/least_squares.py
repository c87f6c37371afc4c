"""Least squares (Mao et al. 2017, 1611.04076): the critic regresses labels a (fake), b (real)."""

from __future__ import annotations

from torch import Tensor

from physgan.domain import Verdict
from physgan.objectives.base import Objective, require


class LeastSquares(Objective):
    """L_D = 1/2 E_p(D-b)^2 + 1/2 E_q(D-a)^2, L_G = 1/2 E_q(D-c)^2.

    The best critic is (bp+aq)/(p+q). The defaults are the 0-1 coding of the paper (eq. 9);
    a=-1, b=1, c=0 makes the generator minimise a Pearson chi-squared divergence (eq. 8).
    """

    def __init__(self, a: float = 0.0, b: float = 1.0, c: float = 1.0) -> None:
        require(a != b, f"real and fake labels are both {a}", "choose a != b")
        super().__init__(a=a, b=b, c=c)

    def critic_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        on_real = (real.score - self.hparams["b"]).square().mean()
        on_fake = (fake[0].score - self.hparams["a"]).square().mean()
        return (on_real + on_fake) / 2

    def generator_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        return (fake[0].score - self.hparams["c"]).square().mean() / 2
