"""McGAN that matches the means of critic features (Mroueh et al. 2017, 1702.08398)."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import AllowInfNan
from torch import Tensor

from physgan.domain import Verdict
from physgan.objectives.base import features_of, require
from physgan.objectives.feature_moments import FeatureMoments, slope


class MeanMatching(FeatureMoments):
    """max over |v|_p <= 1 of <v, d> = |d|_q, d the difference of mean features, 1/p + 1/q = 1."""

    def __init__(
        self, q: Annotated[float, AllowInfNan(True)] = 2.0, c: float | None = None
    ) -> None:
        require(q >= 1, f"the norm's order q is {q}", "choose q >= 1")
        super().__init__(c, q=q)

    def distance(self, real: Tensor, fake: Tensor) -> Tensor:
        return self._norm(real.mean(dim=0) - fake.mean(dim=0))

    def witness(self, judged: Verdict, real: Verdict, *fake: Verdict) -> Tensor:
        gap = features_of(real).mean(dim=0) - features_of(fake[0]).mean(dim=0)
        v = slope(self._norm, gap)
        return features_of(judged).to(v.dtype) @ v

    def _norm(self, gap: Tensor) -> Tensor:
        return torch.linalg.vector_norm(gap, self.hparams["q"])
