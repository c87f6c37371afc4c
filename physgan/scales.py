"""The scale on which a property is asked for and learned: its logarithm or itself, and bins; and
the one on which figures of different kinds are added."""

from __future__ import annotations

import torch
from torch import Tensor

from physgan.vocabulary import Property

SMALLEST = 1e-6
"""Least value of a property whose logarithm is taken."""


def scaled(prop: Property, value: Tensor) -> Tensor:
    """What conditions hold of ``value``, before it is standardised: its logarithm or itself."""
    return (value + prop.shift).clamp(min=SMALLEST).log() if prop.log else value


def unscaled(prop: Property, value: Tensor) -> Tensor:
    """The value that ``scaled`` maps to ``value``."""
    return value.exp() - prop.shift if prop.log else value


def equal_shares(values: Tensor, weights: Tensor, bins: int) -> Tensor:
    """The ``bins - 1`` bounds between which equal shares of the weighted ``values (N,)`` lie."""
    order = values.argsort()
    passed = weights[order].cumsum(0) / weights.sum()
    wanted = torch.arange(1, bins, dtype=passed.dtype) / bins
    place = torch.searchsorted(passed, wanted).clamp(max=len(values) - 1)
    return values[order][place]


def in_deviations(values: Tensor) -> Tensor:
    """``values (N,)`` in standard deviations from the mean of the finite; zeros where these are
    equal or fewer than two, and what is not finite as it is."""
    known = torch.isfinite(values)
    finite = values[known]
    if len(finite) < 2 or not bool(finite.std() > 1e-9):
        return torch.where(known, 0.0, values)
    return (values - finite.mean()) / finite.std()
