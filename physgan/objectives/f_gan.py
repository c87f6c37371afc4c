"""f-GAN: any f-divergence from a critic (Nowozin et al. 2016, 1606.00709)."""

from __future__ import annotations

from torch import Tensor

from physgan.domain import Verdict
from physgan.objectives.base import Objective
from physgan.objectives.divergences import DIVERGENCES, Divergence


class FGAN(Objective):
    """L_D = E_q f*(g(V)) - E_p g(V), minus the divergence at the best critic V = g^-1(f'(p/q)).

    L_G = -E_q g(V), which does not vanish against a winning critic (section 3.2); with
    ``saturating`` True L_G = -E_q f*(g(V)), the divergence itself. A subclass names the divergence.
    """

    divergence: Divergence

    def __init__(self, saturating: bool = False) -> None:
        super().__init__(saturating=saturating)

    def critic_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        gain = self.divergence.activation(real.score).mean()
        return self.divergence.conjugate_of_activation(fake[0].score).mean() - gain

    def generator_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        if self.hparams["saturating"]:
            return -self.divergence.conjugate_of_activation(fake[0].score).mean()
        return -self.divergence.activation(fake[0].score).mean()


F_GANS: dict[str, type[FGAN]] = {
    f"f-{name}": type(f"FGAN[{name}]", (FGAN,), {"divergence": d, "signed": d.signed})
    for name, d in DIVERGENCES.items()
}
"""One objective for each divergence of the table."""
