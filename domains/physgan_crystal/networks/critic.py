"""The critic of crystals: a graph backbone and a projection on the condition."""

from __future__ import annotations

from typing import Any

from tensordict import TensorDict
from torch import Tensor, nn

from physgan.critics import ProjectionScore
from physgan.domain import Verdict
from physgan_crystal.networks.backbone import build_backbone


class CrystalCritic(nn.Module):
    """``(x, condition (B, C), given) -> Verdict(score (B,), features (B, F))``.

    ``score = psi(phi(x)) + <V c, phi(x)>`` (``ProjectionScore``). ``library`` expands ``x`` to
    atoms; there is no normalisation over the batch, so that a gradient penalty of one sample
    concerns this sample only.
    """

    def __init__(
        self, library: nn.Module, condition_dim: int, kind: str = "invariant", **options: Any
    ) -> None:
        super().__init__()
        self.hparams = {"condition_dim": condition_dim, "kind": kind, **options}
        self.library = library
        self.backbone = build_backbone(kind, **options)
        self.feature_dim = int(self.backbone.feature_dim)  # type: ignore[arg-type]
        self.psi = nn.Sequential(nn.SiLU(), nn.Linear(self.feature_dim, 1))
        self.project = nn.Linear(condition_dim, self.feature_dim, bias=False)
        self.verdict = ProjectionScore(self.psi, self.project)

    def forward(self, x: TensorDict, condition: Tensor, given: TensorDict) -> Verdict:
        features = self.backbone(self.library.expand(x))  # type: ignore[operator]
        return self.verdict(features, condition)
