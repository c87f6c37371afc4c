"""What a core tells the trainer: who plays, in which order, and what each player minimises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from tensordict import TensorDict
from torch import Tensor, nn

from physgan.errors import InputError

if TYPE_CHECKING:
    from physgan.predictors import Predictor

Draw = Callable[[], TensorDict]
"""Gives the next training batch."""


@dataclass(frozen=True)
class Loss:
    """A scalar and the players it belongs to: its gradient reaches their parameters alone."""

    value: Tensor
    players: tuple[str, ...]


@dataclass(frozen=True)
class Turn:
    """One move of the game: the losses to differentiate, then these players' optimisers step.

    ``logs`` are detached tensors; nobody reads them outside logging steps. ``again`` computes the
    losses anew with the networks as they are then, on the same data with the same random numbers;
    optimisers that look at a second point need it.
    """

    losses: tuple[Loss, ...]
    step: tuple[str, ...]
    logs: Mapping[str, Tensor] = field(default_factory=dict)
    again: Callable[[], tuple[Loss, ...]] | None = None


class Core(nn.Module, ABC):
    """Makes fakes and says what each side minimises; knows neither objective nor domain inside.

    ``averaged`` names the players whose exponential moving average is kept for sampling;
    ``optional`` is what names of the state start with that a file of weights may lack, because as
    built it changes nothing. ``progress`` is the share of the training that is done, which the
    trainer says before each step. ``title`` names the core in errors, ``kind`` is the dataclass of
    its options, None where it checks them itself.
    """

    title: ClassVar[str] = ""
    kind: ClassVar[Any] = None
    progress: float = 0.0
    averaged: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()

    @property
    @abstractmethod
    def players(self) -> Mapping[str, nn.Module]:
        """The networks with an optimiser of their own, by name."""

    @abstractmethod
    def turns(self, draw: Draw, step: int) -> Iterator[Turn]:
        """The moves of step ``step``. The trainer differentiates and steps each turn before it
        asks for the next, so a later turn sees the networks that an earlier one changed."""

    @abstractmethod
    def sample(self, condition: Tensor, given: TensorDict) -> TensorDict:
        """Draw one x per row of ``condition (B, C)``; no gradient."""

    def rehearse(self, batch: TensorDict) -> None:
        """InputError where a few rows of the data cannot be played with; changes nothing."""

    @property
    def guided(self) -> bool:
        """Whether training makes use of the run's predictor, which ``follow`` gives."""
        return False

    def follow(self, predictor: Predictor | None) -> None:
        """Let ``predictor``, None for a run without one, guide the generator; InputError where it
        cannot."""
        raise InputError("this core follows no predictor")

    def notes(self, predictor: Predictor | None) -> list[str]:
        """What a user should know before a training with ``predictor`` starts, a line each."""
        return []

    def validation_loss(self, batch: TensorDict) -> dict[str, Tensor]:
        """Figures on held-out rows, each a scalar; the first decides which checkpoint is best."""
        return {}

    def settle(self, train: TensorDict, held: TensorDict, seconds: float) -> dict[str, float]:
        """What is still to be learned once the game is over, within ``seconds``; figures of it.

        Changes averaged players in place. Empty where there is nothing to settle.
        """
        return {}

    def report(self) -> dict[str, float]:
        """Slow-moving state worth logging (multipliers, objective state)."""
        return {}


@contextmanager
def resting(*networks: nn.Module) -> Iterator[None]:
    """Parameters of ``networks`` take no gradient inside the block."""
    changed = [p for net in networks for p in net.parameters() if p.requires_grad]
    for parameter in changed:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in changed:
            parameter.requires_grad_(True)
