"""One member of an ensemble: a domain's backbone with one head for all properties."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from tensordict import TensorDict
from torch import Tensor, nn
from torch.nn import functional as F

from physgan.domain import Property


class Outputs(NamedTuple):
    """What a member says, in standardised units: ``mean`` and ``log_variance`` are ``(B, P)``
    over the continuous properties, ``logits`` one ``(B, classes)`` per class property."""

    mean: Tensor
    log_variance: Tensor
    logits: tuple[Tensor, ...]


class Member(nn.Module):
    """Backbone ``(x, given) -> (B, F)`` and a head for the Gaussians and the classes."""

    def __init__(self, backbone: nn.Module, properties: Sequence[Property], hidden: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.continuous = sum(prop.classes is None for prop in properties)
        self.widths = [len(prop.classes) for prop in properties if prop.classes is not None]
        width = int(backbone.feature_dim)  # type: ignore[arg-type]
        self.head = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, hidden),
            nn.SiLU(),
            nn.Linear(hidden, 2 * self.continuous + sum(self.widths)),
        )

    def forward(self, x: TensorDict, given: TensorDict) -> Outputs:
        out = self.head(self.backbone(x, given))
        mean, raw, *logits = out.split([self.continuous, self.continuous, *self.widths], dim=1)
        # A smooth bound keeps one easy row from driving the variance, and the loss, to infinity.
        return Outputs(mean, 8.0 * torch.tanh(raw / 8.0) - 1.0, tuple(logits))


def beta_nll(mean: Tensor, log_variance: Tensor, target: Tensor, beta: float) -> Tensor:
    """Elementwise beta-NLL (Seitzer et al. 2022, arXiv:2203.09168, eq. 5).

    ``sg(variance**beta) * (log variance + (target - mean)**2 / variance) / 2`` with ``sg`` the
    stop-gradient; all arguments share one shape.
    """
    nll = 0.5 * (log_variance + (target - mean).square() * torch.exp(-log_variance))
    return torch.exp(beta * log_variance).detach() * nll


def member_loss(outputs: Outputs, target: Tensor, classes: Sequence[Tensor], beta: float) -> Tensor:
    """Sum over properties of the mean loss of the rows whose label is known.

    ``target (B, P)`` is standardised with NaN where unknown; ``classes`` hold -1 where unknown.
    """
    known = torch.isfinite(target)
    filled = torch.where(known, target, outputs.mean.detach())
    each = beta_nll(outputs.mean, outputs.log_variance, filled, beta) * known
    loss = (each.sum(dim=0) / known.sum(dim=0).clamp(min=1)).sum()
    for logits, label in zip(outputs.logits, classes, strict=True):
        valid = (label >= 0).sum().clamp(min=1)
        loss = (
            loss + F.cross_entropy(logits, label.long(), ignore_index=-1, reduction="sum") / valid
        )
    return loss
