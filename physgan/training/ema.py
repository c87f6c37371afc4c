"""The exponential moving average of a core's parameters, which is what samples are drawn with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

from physgan.cores.base import Core

PREFIX = "ema."
"""What the names of averaged parameters start with in a model file."""


def split_average(tensors: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The core's state and the averaged parameters of a model file, by the core's names."""
    own = {name: tensor for name, tensor in tensors.items() if not name.startswith(PREFIX)}
    averaged = {
        name.removeprefix(PREFIX): tensor
        for name, tensor in tensors.items()
        if name.startswith(PREFIX)
    }
    return own, averaged


class Average:
    """theta_ema <- d theta_ema + (1 - d) theta for the players in ``core.averaged``.

    The decay ramps up as d_t = min(decay, (1 + t) / (10 + t)) (the schedule of TensorFlow's
    ExponentialMovingAverage), so early averages forget the initial weights. Buffers are not
    averaged: the averaged core uses the present ones.
    """

    def __init__(self, core: Core, decay: float) -> None:
        self.decay = decay
        chosen = {id(p) for name in core.averaged for p in core.players[name].parameters()}
        self._live = {
            name: p
            for name, p in core.named_parameters()
            if id(p) in chosen and p.is_floating_point()
        }
        self.shadow: dict[str, Tensor] = {n: p.detach().clone() for n, p in self._live.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Move the average towards the parameters after step ``step`` (counted from 0)."""
        if self.shadow:
            decay = min(self.decay, (1 + step) / (10 + step))
            torch._foreach_lerp_(  # pyright: ignore[reportPrivateImportUsage]
                list(self.shadow.values()), [p.detach() for p in self._live.values()], 1 - decay
            )

    @torch.no_grad()
    def load(self, saved: Mapping[str, Tensor]) -> None:
        """Take over a saved average."""
        for name, tensor in self.shadow.items():
            tensor.copy_(saved[name])

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Inside the block the core computes with the averaged parameters."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    def _swap(self) -> None:
        for name, parameter in self._live.items():
            parameter.data, self.shadow[name] = self.shadow[name], parameter.data
