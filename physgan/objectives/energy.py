"""EBGAN: the critic is an energy, the error of an autoencoder (Zhao et al. 2017, 1609.03126)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import normalize, relu

from physgan.domain import Verdict
from physgan.objectives.base import Objective, features_of, require
from physgan.objectives.gather import gather_rows


class EnergyBased(Objective):
    """L_D = E D(x) + E [m - D(Gz)]+, L_G = E D(Gz) + ``pulling`` PT, the energy D >= 0.

    PT, the pulling-away term, is the mean squared cosine between the features of different fakes
    (eq. 4); it holds a generator apart that would map many z onto one sample.
    """

    autoencoding = True

    def __init__(self, margin: float = 1.0, pulling: float = 0.1) -> None:
        require(margin > 0, f"the margin is {margin}", "choose it > 0")
        require(pulling >= 0, f"the pulling-away weight is {pulling}", "choose it >= 0")
        super().__init__(margin=margin, pulling=pulling)

    def critic_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        return real.score.mean() + relu(self.hparams["margin"] - fake[0].score).mean()

    def generator_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        energy = fake[0].score.mean()
        return energy + self.hparams["pulling"] * pulling_away(features_of(fake[0]))


def pulling_away(features: Tensor) -> Tensor:
    """1 / N(N-1) sum over i != j of cos^2(s_i, s_j) for ``features (N, F)`` of all processes."""
    unit = normalize(gather_rows(features), dim=1)
    cosine = unit @ unit.T
    pairs = ~torch.eye(len(unit), dtype=torch.bool, device=unit.device)
    return cosine[pairs].square().sum() / max(1, len(unit) * (len(unit) - 1))
