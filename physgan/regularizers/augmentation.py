"""Augmentation of what the critic sees, real and fake, with gradients (Zhao et al., 2006.10738),
and its adaptive probability (Karras et al., 2006.06676)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from physgan.domain import Domain
from physgan.errors import InputError
from physgan.objectives.gather import gather_rows
from physgan.tensors import keep_rows

Transform = Callable[[TensorDict], TensorDict]


class Augmentation(nn.Module, ABC):
    """``x -> x``, differentiable, other random numbers for each row.

    With ``adaptive`` each transform changes a row with probability p, which starts at 0. Every
    ``interval`` calls of ``adapt``, p moves by their number of samples over ``images``: up where
    the mean sign of the critic's scores of real samples is above ``target``, down where below.
    p and the running sums are buffers, so that checkpoints hold them. ``key`` is the option that
    names it, for errors.
    """

    key: str = "core.augmentation"
    probability: Tensor
    _signs: Tensor
    _rows: Tensor
    _calls: Tensor

    def __init__(
        self,
        *,
        adaptive: bool = False,
        target: float = 0.6,
        images: int = 500_000,
        interval: int = 4,
        **hparams: Any,
    ) -> None:
        if not -1 < target < 1 or images < 1 or interval < 1:
            raise InputError(
                f"adaptive augmentation with target {target}, images {images}, {interval=}",
                fix="choose the target in (-1, 1), the others >= 1",
            )
        super().__init__()
        self.adaptive, self.target, self.images, self.interval = adaptive, target, images, interval
        self.hparams: dict[str, Any] = hparams
        self.register_buffer("probability", torch.tensor(0.0 if adaptive else 1.0))
        for name in ("_signs", "_rows", "_calls"):
            self.register_buffer(name, torch.zeros(()))

    @abstractmethod
    def transforms(self) -> Sequence[Transform]:
        """What is done to x, in this order."""

    def bind(self, domain: Domain) -> Augmentation:
        """Take from ``domain`` what the transforms need; returns itself."""
        return self

    def forward(self, x: TensorDict) -> TensorDict:
        for transform in self.transforms():
            changed = transform(x)
            if self.adaptive:
                device = self.probability.device
                chosen = torch.rand(x.batch_size[0], device=device) < self.probability
                changed = keep_rows(chosen, changed, x)
            x = changed
        return x

    @torch.no_grad()
    def adapt(self, scores: Tensor) -> None:
        """Count the critic's ``scores (B,)`` of real samples, and move p where it is due."""
        if not self.adaptive:
            return
        scores = gather_rows(scores)
        self._signs += scores.sign().sum()
        self._rows += len(scores)
        self._calls += 1
        # Without a branch, so that nothing waits for the accelerator.
        due = self._calls >= self.interval
        way = (self._signs / self._rows - self.target).sign()
        self.probability.add_(due * way * self._rows / self.images).clamp_(0, 1)
        for total in (self._signs, self._rows, self._calls):
            total *= ~due


class DomainAugmentation(Augmentation):
    """The transform that the domain itself offers: ``Domain.augment``."""

    def __init__(
        self,
        adaptive: bool = False,
        target: float = 0.6,
        images: int = 500_000,
        interval: int = 4,
    ) -> None:
        super().__init__(adaptive=adaptive, target=target, images=images, interval=interval)
        self._transform: Transform | None = None

    def bind(self, domain: Domain) -> Augmentation:
        self._transform = domain.augment
        return self

    def transforms(self) -> Sequence[Transform]:
        if self._transform is None:
            raise InputError("the domain's augmentation is not bound to a domain", fix="call bind")
        return [self._transform]
