"""Critics of films: patches of a state, and of a state with the one before."""

from __future__ import annotations

from itertools import pairwise
from typing import cast

import torch
from tensordict import TensorDict
from torch import Tensor, nn
from torch.nn import functional as F

from physgan.critics import ProjectionScore
from physgan.domain import Verdict
from physgan.surrogate.field_autoencoder import FieldAutoencoder

MAPS = 4
"""Whether a pixel and each of four neighbours are of one bubble; see ``stepper.PAIRS``."""
AGREE = 0.85
"""The share of pairs of pixels that are of one bubble, in foams of about 64 pixels a bubble."""


class FilmCritic(nn.Module):
    """A PatchGAN (Isola et al., 1611.07004) on agreement maps, blind to the names of bubbles.

    Three 4 x 4 convolutions of stride 2 on a torus, then a score per patch of 46 pixels; score and
    features are means over patches, the condition is projected (``ProjectionScore``). ``pairs``: x
    has ``before`` and ``after``.
    """

    def __init__(self, condition_dim: int, *, width: int = 48, pairs: bool = False) -> None:
        super().__init__()
        self.pairs = pairs
        widths = (MAPS * (1 + pairs), width, 2 * width, 4 * width)
        self.layers = nn.ModuleList(nn.Conv2d(a, b, 4, stride=2) for a, b in pairwise(widths))
        self.feature_dim = widths[-1]
        self.mix = nn.Conv2d(self.feature_dim, self.feature_dim, 3)
        self.score = nn.Conv2d(self.feature_dim, 1, 1)
        self.project = nn.Linear(condition_dim, self.feature_dim, bias=False)
        self.verdict = ProjectionScore(self.score, self.project)

    def forward(self, x: TensorDict, condition: Tensor, given: TensorDict) -> Verdict:
        """The verdict on ``films (B, 4, H, W)`` of a state, or of both states of a pair."""
        if self.pairs:
            states = [cast(TensorDict, x[name])["films"] for name in ("before", "after")]
            h = torch.cat(states, dim=1)
        else:
            h = x["films"]
        h = 2 * h - 1
        for layer in self.layers:
            h = F.leaky_relu(layer(F.pad(h, (1, 1, 1, 1), mode="circular")), 0.2)
        h = F.leaky_relu(self.mix(F.pad(h, (1, 1, 1, 1), mode="circular")), 0.2)
        return self.verdict(h, condition)


def film_autoencoder(
    condition_dim: int, *, pairs: bool = False, **options: int
) -> FieldAutoencoder:
    """The critic of agreement maps that plays with energies, in units of their variance."""
    deviation = (AGREE * (1 - AGREE)) ** 0.5
    channels = MAPS * (1 + pairs)
    return FieldAutoencoder(channels, condition_dim, mean=AGREE, deviation=deviation, **options)
