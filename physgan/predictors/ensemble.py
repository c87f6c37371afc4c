"""An ensemble of property predictors with calibrated uncertainty."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from physgan.domain import Property
from physgan.predictors.conformal import SplitConformal
from physgan.predictors.member import Member, Outputs
from physgan.scales import SMALLEST, scaled, unscaled


class Prediction(NamedTuple):
    """``mean (B, P)`` and ``spread (B, P)`` in the properties' units, columns in the predictor's
    order. A class property's mean is the index of its likeliest class and its spread the
    probability that this class is wrong."""

    mean: Tensor
    spread: Tensor


class Predictor(nn.Module):
    """M members that agree on what they were trained for, and a conformal calibration.

    A property with ``log`` is learned on its logarithm: its mean is a median then, its spread
    the first order of exp, and its interval the exponential of the one on the logarithm.

    ``properties`` are the predicted ones, in the order of the columns. ``report`` holds the
    figures measured on rows that neither training nor calibration saw.
    """

    center: Tensor
    scale: Tensor

    def __init__(
        self,
        members: Sequence[Member],
        properties: Sequence[Property],
        center: Tensor,
        scale: Tensor,
        bins: int = 1,
    ) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)
        self.properties = tuple(properties)
        self.conformal = SplitConformal(bins)
        self.report: dict[str, Any] = {}
        self.settings: dict[str, Any] = {}
        self.register_buffer("center", center)
        self.register_buffer("scale", scale)

    @property
    def names(self) -> list[str]:
        """The predicted properties, one per column."""
        return [prop.name for prop in self.properties]

    @property
    def continuous(self) -> list[int]:
        """Columns of the continuous properties."""
        return [i for i, prop in enumerate(self.properties) if prop.classes is None]

    def forward(self, x: TensorDict, given: TensorDict | None = None) -> tuple[Tensor, Tensor]:
        """Differentiable mean and variance ``(B, P_continuous)`` in squared units."""
        outputs = self._outputs(x, given)
        return self._gaussian(outputs)

    def read(
        self, x: TensorDict, given: TensorDict | None = None
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """Differentiable: the numbers' means ``(B,)`` in their units, and the classes' logits
        ``(M, B, classes)`` of the members, by property."""
        outputs = self._outputs(x, given)
        mean, _ = self._gaussian(outputs)
        numbers = {
            prop.name: column for prop, column in zip(self._kinds(), mean.unbind(1), strict=True)
        }
        classes = [prop.name for prop in self.properties if prop.classes is not None]
        logits = {n: torch.stack([o.logits[i] for o in outputs]) for i, n in enumerate(classes)}
        return numbers, logits

    def _outputs(self, x: TensorDict, given: TensorDict | None) -> list[Outputs]:
        given = TensorDict({}, batch_size=x.batch_size) if given is None else given
        return [member(x, given) for member in self.members]

    def _gaussian(self, outputs: Sequence[Outputs]) -> tuple[Tensor, Tensor]:
        means = torch.stack([out.mean for out in outputs])
        aleatoric = torch.stack([out.log_variance for out in outputs]).exp().mean(dim=0)
        epistemic = means.var(dim=0, unbiased=False)
        mean = self._unscaled(self.center + self.scale * means.mean(dim=0))
        return mean, (self._slope(mean) * self.scale).square() * (aleatoric + epistemic)

    def _kinds(self) -> list[Property]:
        return [self.properties[column] for column in self.continuous]

    def _unscaled(self, mean: Tensor) -> Tensor:
        columns = zip(self._kinds(), mean.unbind(1), strict=True)
        found = [unscaled(prop, column) for prop, column in columns]
        return torch.stack(found, dim=1) if found else mean

    def _slope(self, mean: Tensor) -> Tensor:
        """How much a property moves, in its unit, per unit of the scale it is learned on."""
        columns = zip(self._kinds(), mean.unbind(1), strict=True)
        found = [c + p.shift if p.log else torch.ones_like(c) for p, c in columns]
        return torch.stack(found, dim=1).clamp(min=SMALLEST) if found else mean

    def on_scale(self, mean: Tensor, spread: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and spread ``(B, P_continuous)`` on the scales the properties are learned on."""
        columns = zip(self._kinds(), mean.unbind(1), strict=True)
        found = [scaled(prop, column) for prop, column in columns]
        return torch.stack(found, dim=1) if found else mean, spread / self._slope(mean)

    @torch.no_grad()
    def predict(
        self, x: TensorDict, given: TensorDict | None = None, batch_size: int = 512
    ) -> Prediction:
        """Mean and spread of every row; spread is sqrt(mean aleatoric + epistemic variance)."""
        device = self.center.device
        parts: list[Prediction] = []
        for first in range(0, len(x), batch_size):
            rows = slice(first, first + batch_size)
            side = None if given is None else given[rows].to(device)
            parts.append(self._predict(x[rows].to(device), side))
        if not parts:
            empty = self.center.new_zeros(0, len(self.properties))
            return Prediction(empty, empty.clone())
        return Prediction(*(torch.cat(column) for column in zip(*parts, strict=True)))

    def _predict(self, x: TensorDict, given: TensorDict | None) -> Prediction:
        outputs = self._outputs(x, given)
        mean, variance = self._gaussian(outputs)
        columns, spreads = list(mean.unbind(1)), list(variance.sqrt().unbind(1))
        classes = [i for i, prop in enumerate(self.properties) if prop.classes is not None]
        for order, column in enumerate(classes):
            each = torch.stack([out.logits[order].softmax(dim=1) for out in outputs])
            top = each.mean(dim=0).max(dim=1)
            columns.insert(column, top.indices.to(mean.dtype))
            spreads.insert(column, 1.0 - top.values)
        return Prediction(torch.stack(columns, dim=1), torch.stack(spreads, dim=1))

    @torch.no_grad()
    def interval(self, prediction: Prediction, level: float = 0.9) -> tuple[Tensor, Tensor]:
        """Conformal bounds ``(B, P)`` at ``level``; NaN for class properties."""
        low = torch.full_like(prediction.mean, float("nan"))
        high = low.clone()
        columns = self.continuous
        scale = self.on_scale(prediction.mean[:, columns], prediction.spread[:, columns])
        bounds = self.conformal.interval(*scale, level)
        low[:, columns], high[:, columns] = (self._unscaled(bound) for bound in bounds)
        return low, high
