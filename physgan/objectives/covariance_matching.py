"""McGAN that matches covariances of critic features (Mroueh et al. 2017, 1702.08398)."""

from __future__ import annotations

import torch
from torch import Tensor

from physgan.domain import Verdict
from physgan.objectives.base import features_of, require
from physgan.objectives.feature_moments import FeatureMoments, slope


class CovarianceMatching(FeatureMoments):
    """max over orthonormal U, V of Tr U'(S_p - S_q)V: the sum of the ``rank`` largest singular
    values of the difference of uncentred second moments S = E phi phi'."""

    def __init__(self, rank: int = 16, c: float | None = None) -> None:
        require(rank >= 1, f"the rank is {rank}", "choose it >= 1")
        super().__init__(c, rank=rank)

    def distance(self, real: Tensor, fake: Tensor) -> Tensor:
        return self._leading(_second_moment(real) - _second_moment(fake))

    def witness(self, judged: Verdict, real: Verdict, *fake: Verdict) -> Tensor:
        gap = _second_moment(features_of(real)) - _second_moment(features_of(fake[0]))
        form = slope(self._leading, gap)
        features = features_of(judged).to(form.dtype)
        return ((features @ form) * features).sum(dim=1)

    def _leading(self, matrix: Tensor) -> Tensor:
        return torch.linalg.svdvals(matrix)[: self.hparams["rank"]].sum()


def _second_moment(features: Tensor) -> Tensor:
    rows = features if features.dtype == torch.float64 else features.float()
    return rows.T @ rows / len(rows)
