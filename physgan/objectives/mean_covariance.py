"""McGAN: means and covariances of critic features are matched (Mroueh et al. 2017, 1702.08398).

Both losses are the inner maximum in closed form; the features are bounded by a regulariser on the
witness function or, as in the paper, by clipping the weights to [-c, c]. Moments run over the
batch of all processes.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn

from physgan.domain import Verdict
from physgan.objectives.base import Objective, features_of, require
from physgan.objectives.clipping import clip_weights
from physgan.objectives.gather import gather_rows


class _Moments(Objective):
    real_in_generator = True

    @abstractmethod
    def distance(self, real: Tensor, fake: Tensor) -> Tensor:
        """Of features ``(B, F)`` of all processes, a scalar."""

    def critic_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        return -self.generator_loss(real, *fake)

    def generator_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        return self.distance(gather_rows(features_of(real)), gather_rows(features_of(fake[0])))

    def makers_loss(self, real: Verdict, fake: Verdict) -> Tensor:
        """The distance itself, which is the same with both exchanged."""
        return self.generator_loss(real, fake)

    def after_critic_step(self, critic: nn.Module, real: Verdict, *fake: Verdict) -> None:
        if (c := self.hparams["c"]) is not None:
            clip_weights(critic, -c, c)


class MeanMatching(_Moments):
    """max over |v|_p <= 1 of <v, d> = |d|_q, d the difference of mean features, 1/p + 1/q = 1."""

    def __init__(self, q: float = 2.0, c: float | None = None) -> None:
        require(q >= 1, f"the norm's order q is {q}", "choose q >= 1")
        require(c is None or c > 0, f"the clipping bound c is {c}", "choose c > 0")
        super().__init__(q=q, c=c)

    def distance(self, real: Tensor, fake: Tensor) -> Tensor:
        gap = real.mean(dim=0) - fake.mean(dim=0)
        return torch.linalg.vector_norm(gap, self.hparams["q"])

    def witness(self, judged: Verdict, real: Verdict, *fake: Verdict) -> Tensor:
        gap = features_of(real).mean(dim=0) - features_of(fake[0]).mean(dim=0)
        direction = _slope(lambda d: torch.linalg.vector_norm(d, self.hparams["q"]), gap)
        return features_of(judged).to(direction.dtype) @ direction


class CovarianceMatching(_Moments):
    """max over orthonormal U, V of Tr U'(S_p - S_q)V: the sum of the ``rank`` largest singular
    values of the difference of uncentred second moments S = E phi phi'."""

    def __init__(self, rank: int = 16, c: float | None = None) -> None:
        require(rank >= 1, f"the rank is {rank}", "choose it >= 1")
        require(c is None or c > 0, f"the clipping bound c is {c}", "choose c > 0")
        super().__init__(rank=rank, c=c)

    def distance(self, real: Tensor, fake: Tensor) -> Tensor:
        return self._leading(_second_moment(real) - _second_moment(fake))

    def witness(self, judged: Verdict, real: Verdict, *fake: Verdict) -> Tensor:
        gap = _second_moment(features_of(real)) - _second_moment(features_of(fake[0]))
        form, features = _slope(self._leading, gap), features_of(judged)
        features = features.to(form.dtype)
        return ((features @ form) * features).sum(dim=1)

    def _leading(self, matrix: Tensor) -> Tensor:
        return torch.linalg.svdvals(matrix)[: self.hparams["rank"]].sum()


def _second_moment(features: Tensor) -> Tensor:
    rows = features if features.dtype == torch.float64 else features.float()
    return rows.T @ rows / len(rows)


def _slope(function: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
    """The gradient of a scalar function, off the graph: the best v or UV' of the inner maximum."""
    with torch.enable_grad():
        at = at.detach().requires_grad_()
        return torch.autograd.grad(function(at), at)[0]
