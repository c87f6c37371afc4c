"""How far candidates are from what was asked, and how sure one can be of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from physgan.conditions import ConditionSchema, Target


def scores(
    targets: Sequence[Target],
    schema: ConditionSchema,
    values: Mapping[str, Tensor],
    intervals: Mapping[str, tuple[Tensor, Tensor]],
    size: int,
    risk: float = 0.5,
) -> tuple[Tensor, Tensor]:
    """Score and distance ``(size,)``, small is good.

    ``distance = sum_t d_t(value) / std`` over the targets that have a value, ``d_t`` as
    ``Target.distance`` (0 or 1 for a class); ``score = distance + risk * sum_t width / std`` with
    the width of the interval, 0 for exact properties. An infinite width counts as the width of
    the data, from their 5th to their 95th percentile.
    """
    names = [prop.name for prop in schema.properties]
    distance, width = torch.zeros(size), torch.zeros(size)
    for target in targets:
        if target.name not in values:
            continue
        index = names.index(target.name)
        value = values[target.name].float()
        if target.kind == "class":
            distance = distance + (value != target.low).float()
            continue
        std = schema.get_buffer("std")[index].cpu()
        distance = distance + target.distance(value) / std
        if target.name in intervals:
            low, high = intervals[target.name]
            row = schema.get_buffer("quantiles")[index].cpu()
            gap = torch.where(torch.isfinite(high - low), high - low, row[95] - row[5])
            width = width + gap / std
    return distance + risk * width, distance
