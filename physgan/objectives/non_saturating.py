"""The original game in its non-saturating form (Goodfellow et al. 2014, 1406.2661, section 3)."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import softplus

from physgan.domain import Verdict
from physgan.objectives.minimax import Minimax


class NonSaturating(Minimax):
    """The critic of ``Minimax`` with L_G = E_q sp(-D), whose slope survives a winning critic."""

    def generator_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        return softplus(-fake[0].score).mean()
