"""The one signature of an adversarial objective."""

from __future__ import annotations

from abc import ABC, abstractmethod

from torch import Tensor, nn

from physgan.domain import Verdict


class Objective(nn.Module, ABC):
    """How the critic measures, as pure functions of verdicts; state, if any, lives in buffers.

    Scores are logits or unbounded critic values of shape ``(B,)``; both losses are means over
    the batch and are minimised. The class attributes tell a core what to provide:
    ``needs_critic`` (False: features of the data itself), ``real_in_generator`` (the generator
    loss reads the real verdict), ``fakes`` (independent fake batches that are needed).
    """

    needs_critic: bool = True
    real_in_generator: bool = False
    fakes: int = 1

    @abstractmethod
    def critic_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        """Loss of the critic, a scalar."""

    @abstractmethod
    def generator_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        """Loss of the generator side, a scalar."""

    def after_critic_step(self, critic: nn.Module, real: Verdict, *fake: Verdict) -> None:
        """Called under no_grad after each critic step: weight clipping, objective state."""
