"""Relaxed Wasserstein GAN: Bregman transport costs (Guo et al. 2017, 1705.07164)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from physgan.domain import Verdict
from physgan.objectives.base import require
from physgan.objectives.clipping import clip_weights
from physgan.objectives.wasserstein import Wasserstein


class RelaxedWasserstein(Wasserstein):
    """``Wasserstein`` with every parameter of the critic clipped to [c_lo, c_hi] after its step.

    A Bregman cost is not symmetric, and neither is the box that its dual asks for. The bounds that
    a given cost implies are left to the user; the default is the symmetric box of WGAN. A linear
    critic reaches sum_i max(d_i c_lo, d_i c_hi), d the difference of means.
    """

    def __init__(self, c_lo: float = -0.01, c_hi: float = 0.01) -> None:
        require(c_lo < c_hi, f"the box [{c_lo}, {c_hi}] is empty", "choose c_lo < c_hi")
        super().__init__(c_lo=c_lo, c_hi=c_hi)

    def after_critic_step(self, critic: nn.Module, real: Verdict, *fake: Verdict) -> None:
        clip_weights(critic, self.hparams["c_lo"], self.hparams["c_hi"])


def bregman(phi: Callable[[Tensor], Tensor], x: Tensor, y: Tensor) -> Tensor:
    """B(x, y) = phi(x) - phi(y) - <grad phi(y), x - y>, ``(B,)``, the cost of moving y to x.

    ``phi`` maps ``(B, F)`` to ``(B,)`` and is strictly convex: half the square gives half the
    squared distance, negative entropy on the simplex the Kullback-Leibler divergence.
    """
    with torch.enable_grad():
        at = y if y.requires_grad else y.detach().requires_grad_()
        below = phi(at)
        (slope,) = torch.autograd.grad(below.sum(), at, create_graph=True)
    return phi(x) - below - (slope * (x - at)).sum(dim=1)
