"""Cramér GAN: the energy distance of features (Bellemare et al. 2017, 1705.10743, alg. 1)."""

from __future__ import annotations

from torch import Tensor

from physgan.domain import Verdict
from physgan.objectives.base import Objective, features_of


class Cramer(Objective):
    """With two independent fakes g, g' and f(y) = |h(y) - h(g')| - |h(y)|, h the features:

    L_D = E f(g) - E f(x), whose f a gradient penalty bounds, and
    L_G = E |h(x) - h(g)| + |h(x) - h(g')| - |h(g) - h(g')|, the energy distance of the features up
    to a term of the data alone; its gradient estimated from samples is unbiased.
    """

    real_in_generator = True
    fakes = 2

    def critic_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        return (self.witness(fake[0], real, *fake) - self.witness(real, real, *fake)).mean()

    def generator_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        x, one, two = (features_of(verdict) for verdict in (real, *fake))
        return (_norm(x - one) + _norm(x - two) - _norm(one - two)).mean()

    def witness(self, judged: Verdict, real: Verdict, *fake: Verdict) -> Tensor:
        at = features_of(judged)
        return _norm(at - features_of(fake[1])) - _norm(at)


def _norm(rows: Tensor) -> Tensor:
    # The clamp gives a vanishing row a zero derivative where the root has none.
    return rows.square().sum(dim=1).clamp(min=1e-24).sqrt()
