"""The body of a crystal property predictor; the framework adds the heads."""

from __future__ import annotations

from typing import Any

from tensordict import TensorDict
from torch import Tensor, nn

from physgan_crystal.networks.backbone import build_backbone


class CrystalPredictor(nn.Module):
    """``(x, given) -> features (B, feature_dim)``, intensive and differentiable in every leaf."""

    def __init__(self, library: nn.Module, kind: str = "invariant", **options: Any) -> None:
        super().__init__()
        self.hparams = {"kind": kind, **options}
        self.library = library
        self.backbone = build_backbone(kind, **options)
        self.feature_dim = int(self.backbone.feature_dim)  # type: ignore[arg-type]

    def forward(self, x: TensorDict, given: TensorDict) -> Tensor:
        return self.backbone(self.library.expand(x))  # type: ignore[operator]
