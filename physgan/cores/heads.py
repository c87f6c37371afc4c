"""Auxiliary heads: what a network's features say of the properties in the schema."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from physgan.conditions import ConditionSchema


class PropertyHeads(nn.Module):
    """One linear head per property on ``features (B, F)`` (AC-GAN, Odena et al., 1610.09585).

    Continuous properties are regressed in standardised units; classes, and the bins of continuous
    properties, by cross-entropy. The target is a condition of the same schema, so unknown
    properties cost nothing.
    """

    def __init__(self, feature_dim: int, schema: ConditionSchema) -> None:
        super().__init__()
        self.widths = schema.widths
        self.regressed = [p.classes is None for p in schema.properties]
        self.linear = nn.Linear(feature_dim, sum(self.widths))

    def forward(self, features: Tensor) -> Tensor:
        """Standardised values and logits side by side, ``(B, sum of the schema's widths)``."""
        return self.linear(features)

    def loss(self, features: Tensor, condition: Tensor) -> Tensor:
        """Mean over the known properties of squared error or cross-entropy, a scalar."""
        if not self.widths:
            return features.sum() * 0
        said = self(features).split(self.widths, dim=1)
        asked = condition.split([width + 1 for width in self.widths], dim=1)
        total, known = features.new_zeros(()), features.new_zeros(())
        for guess, target, regressed in zip(said, asked, self.regressed, strict=True):
            flag, first = target[:, -1], int(regressed)
            error = guess.new_zeros(len(guess))
            if regressed:
                error = (guess[:, 0] - target[:, 0]).square()
            if guess.shape[1] > first:
                label = target[:, first:-1].argmax(dim=1)
                error = error + F.cross_entropy(guess[:, first:], label, reduction="none")
            total = total + (error * flag).sum()
            known = known + flag.sum()
        return total / torch.clamp(known, min=1)
