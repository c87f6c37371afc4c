"""From a property schema to a condition tensor, and from a user's words to a target.

Missing values are allowed everywhere: a condition carries, per property, its standardised value
(or one-hot class) and a flag that says whether it is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from physgan.domain import Property
from physgan.errors import InputError
from physgan.scales import equal_shares, scaled, unscaled

Kind = Literal["value", "range", "min", "max", "class"]


@dataclass(frozen=True)
class Target:
    """What a user asks of one property: a value, a range, to minimise, to maximise, a class."""

    name: str
    kind: Kind
    low: float = float("nan")
    high: float = float("nan")
    label: str = ""

    def distance(self, value: Tensor) -> Tensor:
        """How far ``value`` is from what was asked, >= 0 except for min and max (a plain order)."""
        if self.kind == "min":
            return value
        if self.kind == "max":
            return -value
        return (self.low - value).clamp(min=0) + (value - self.high).clamp(min=0)

    def __str__(self) -> str:
        if self.kind == "value":
            return f"{self.name}={self.low:g}"
        if self.kind == "range":
            return f"{self.name}={self.low:g}..{self.high:g}"
        return f"{self.name}={self.label if self.kind == 'class' else self.kind}"


def parse_target(text: str, properties: Sequence[Property]) -> Target:
    """``name=1.5``, ``name=1..2``, ``name=min``, ``name=max`` or ``name=class`` as a Target.

    Raises InputError for an unknown property, class, or a text that is no number.
    """
    name, sign, wanted = (part.strip() for part in text.partition("="))
    known = {prop.name: prop for prop in properties}
    if not sign or not wanted:
        raise InputError(
            f"cannot read the target {text!r}", fix="write NAME=VALUE, NAME=LOW..HIGH, NAME=min"
        )
    if name not in known:
        raise InputError(
            f"no property {name!r} in this model", fix=f"known: {', '.join(known) or 'none'}"
        )
    classes = known[name].classes
    if classes is not None:
        if wanted not in classes:
            raise InputError(f"{name} has no class {wanted!r}", fix=f"one of {', '.join(classes)}")
        index = float(classes.index(wanted))
        return Target(name, "class", index, index, wanted)
    if wanted in ("min", "max"):
        return Target(name, "min" if wanted == "min" else "max")
    try:
        bounds = [float(part) for part in wanted.split("..")]
    except ValueError:
        bounds = []
    if len(bounds) not in (1, 2) or not all(torch.isfinite(torch.tensor(bounds))):
        raise InputError(
            f"target {text!r} is not a number", fix="write a value such as 0.5, a range 0.2..0.6"
        )
    if len(bounds) == 2 and bounds[0] > bounds[1]:
        raise InputError(f"target {text!r} is an empty range", fix="the smaller bound first")
    return Target(name, "value" if len(bounds) == 1 else "range", bounds[0], bounds[-1])


class ConditionSchema(nn.Module):
    """Encodes properties as ``(B, dim)``: each value standardised and flagged.

    Layout per continuous property: ``[value * known, one-hot of its bin * known, known]``; per
    class property: ``[one-hot * known, known]``. Scales and the range of the data are buffers, so
    they travel with the model. ``quantiles (P, 101)`` are the percentiles of the training values,
    ``fine (P, 1001)`` their permilles. Bins hold equal shares of the rows, each as often as its
    entry of ``weights (N,)`` says.
    """

    mean: Tensor
    std: Tensor
    quantiles: Tensor
    fine: Tensor

    def __init__(
        self,
        properties: Sequence[Property],
        y: TensorDict | None = None,
        weights: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.properties = tuple(properties)
        count = len(self.properties)
        self.register_buffer("mean", torch.zeros(count))
        self.register_buffer("std", torch.ones(count))
        self.register_buffer("quantiles", torch.zeros(count, 101))
        self.register_buffer("fine", torch.zeros(count, 1001))
        if most := max((prop.bins for prop in self.properties), default=0):
            self.register_buffer("edges", torch.full((count, most - 1), torch.inf))
        if y is not None:
            self.fit(y, weights)

    @property
    def dim(self) -> int:
        """Width of a condition."""
        return sum(width + 1 for width in self.widths)

    @property
    def widths(self) -> list[int]:
        """Columns of each property, the flag not counted."""
        return [1 + p.bins if p.classes is None else len(p.classes) for p in self.properties]

    def _pieces(self, condition: Tensor) -> tuple[Tensor, ...]:
        return condition.split([width + 1 for width in self.widths], dim=1)

    def fit(self, y: TensorDict, weights: Tensor | None = None) -> None:
        """Learn scales, percentiles and bins from the known training values of each property."""
        for index, prop in enumerate(self.properties):
            values = y[prop.name].double()
            known = values[torch.isfinite(values)]
            if prop.classes is not None:
                continue
            if known.numel() < 2:
                raise InputError(f"property {prop.name!r} has fewer than two known values")
            standard = scaled(prop, known)
            self.mean[index] = standard.mean()
            deviation = float(standard.std())
            # Values that do not differ have no scale: any other would be endlessly far from them.
            self.std[index] = deviation if deviation > 1e-7 * float(standard.abs().max()) else 1.0
            if prop.bins > 1:
                share = torch.ones_like(values) if weights is None else weights.double()
                bounds = equal_shares(standard, share[torch.isfinite(values)], prop.bins)
                self.get_buffer("edges")[index, : prop.bins - 1] = bounds
            for quantiles in (self.quantiles, self.fine):
                grid = torch.linspace(0, 1, quantiles.shape[1], dtype=torch.double)
                quantiles[index] = torch.quantile(known, grid)

    def forward(self, y: TensorDict | Mapping[str, Tensor]) -> Tensor:
        """Condition ``(B, dim)`` of the properties in ``y``; absent ones count as unknown."""
        size = len(y) if isinstance(y, TensorDict) else len(next(iter(y.values())))
        parts: list[Tensor] = []
        for index, prop in enumerate(self.properties):
            value = y[prop.name] if prop.name in y.keys() else None  # noqa: SIM118
            if value is None:
                value = self.mean.new_full((size,), -1.0 if prop.classes else float("nan"))
            parts += self._encode(index, prop, value.to(self.mean.device))
        if not parts:
            return self.mean.new_zeros(size, 0)
        return torch.cat(parts, dim=1)

    def _encode(self, index: int, prop: Property, value: Tensor) -> list[Tensor]:
        if prop.classes is None:
            known = torch.isfinite(value)
            plain = scaled(prop, value.to(self.mean.dtype))
            standard = (plain - self.mean[index]) / self.std[index]
            body = torch.where(known, standard, torch.zeros_like(standard)).unsqueeze(1)
            if prop.bins:
                bounds = self.get_buffer("edges")[index, : prop.bins - 1]
                place = torch.bucketize(plain.detach().nan_to_num(), bounds)
                hot = nn.functional.one_hot(place, prop.bins).to(body.dtype)
                body = torch.cat([body, hot * known.unsqueeze(1)], dim=1)
        else:
            known = value >= 0
            hot = nn.functional.one_hot(value.clamp(min=0).long(), len(prop.classes))
            body = hot.to(self.mean.dtype) * known.unsqueeze(1)
        return [body, known.to(self.mean.dtype).unsqueeze(1)]

    def unknown(self, size: int) -> Tensor:
        """The condition that asks for nothing, ``(size, dim)``."""
        return self.mean.new_zeros(size, self.dim)

    def typical(self, size: int) -> Tensor:
        """Conditions ``(size, dim)`` that ask for nothing in particular: in each row one
        continuous property at random has a value of the training distribution, the others are
        unknown. Values are stratified: each of ``size`` equal shares of the data gives one.

        Since p(x) is the mean of p(x | c) over p(c), samples under it follow the data, and more
        closely than under ``unknown``, which training meets only where conditions are dropped.
        """
        continuous = [i for i, prop in enumerate(self.properties) if prop.classes is None]
        if not continuous:
            return self.unknown(size)
        chosen = torch.tensor(continuous)[torch.randint(len(continuous), (size,))]
        asked: dict[str, Tensor] = {}
        for index in continuous:
            place = 1000 * (torch.randperm(size) + torch.rand(size)) / size
            low = place.floor().long().clamp(max=999)
            row = self.fine[index].cpu()
            value = torch.lerp(row[low], row[low + 1], place - low)
            nothing = torch.full_like(value, float("nan"))
            asked[self.properties[index].name] = torch.where(chosen == index, value, nothing)
        return self(asked)

    def values(self, condition: Tensor) -> dict[str, Tensor]:
        """The values ``(B,)`` that ``condition (B, dim)`` encodes: NaN, or class -1, if unknown."""
        found = {}
        pieces = self._pieces(condition)
        for index, (prop, piece) in enumerate(zip(self.properties, pieces, strict=True)):
            known = piece[:, -1] > 0.5
            if prop.classes is None:
                value = piece[:, 0] * self.std[index] + self.mean[index]
                found[prop.name] = torch.where(known, unscaled(prop, value), torch.nan)
            else:
                found[prop.name] = torch.where(known, piece[:, :-1].argmax(dim=1), -1)
        return found

    def gap(self, y: Mapping[str, Tensor], condition: Tensor) -> Tensor:
        """Mean over what ``condition (B, dim)`` asks and ``y`` has of the Huber distance between
        both in standardised units, a scalar; gradients reach ``y``."""
        has = self(y)
        total, known = condition.new_zeros(()), condition.new_zeros(())
        pairs = zip(self._pieces(has), self._pieces(condition), strict=True)
        for prop, (own, asked) in zip(self.properties, pairs, strict=True):
            both = own[:, -1] * asked[:, -1]
            # A bin is a step function of its value, so it has no gradient to give.
            end = -1 if prop.classes else 1
            apart = nn.functional.huber_loss(own[:, :end], asked[:, :end], reduction="none")
            total = total + (apart.mean(dim=1) * both).sum()
            known = known + both.sum()
        return total / known.clamp(min=1)

    def drop(self, condition: Tensor, probability: float) -> Tensor:
        """Forget each property of each row with ``probability`` (classifier-free training)."""
        pieces = []
        for piece in self._pieces(condition):
            keep = torch.rand(len(piece), 1, device=piece.device) >= probability
            pieces.append(piece * keep)
        return torch.cat(pieces, dim=1) if pieces else condition

    def request(self, targets: Sequence[Target], size: int) -> dict[str, Tensor]:
        """Values ``(size,)`` per asked property; a range is spread evenly, an extreme takes the
        first or last percentile of the data."""
        asked: dict[str, Tensor] = {}
        names = [prop.name for prop in self.properties]
        for target in targets:
            row = self.quantiles[names.index(target.name)]
            if target.kind == "min":
                asked[target.name] = row[1].repeat(size)
            elif target.kind == "max":
                asked[target.name] = row[99].repeat(size)
            else:
                steps = torch.linspace(target.low, target.high, size)
                asked[target.name] = steps[torch.randperm(size)]
        return asked

    def outside(self, target: Target) -> float | None:
        """The nearest training percentile (1 or 99) of a target outside the data, else None."""
        index = [prop.name for prop in self.properties].index(target.name)
        if target.kind not in ("value", "range"):
            return None
        row = self.quantiles[index]
        if target.high < row[0]:
            return float(row[1])
        if target.low > row[100]:
            return float(row[99])
        return None

    def manifest(self) -> list[dict[str, Any]]:
        """The properties as JSON values, for a run's config."""
        return [
            {
                "name": p.name,
                "unit": p.unit,
                "classes": list(p.classes) if p.classes else None,
                "log": p.log,
                "shift": p.shift,
                "bins": p.bins,
            }
            for p in self.properties
        ]
