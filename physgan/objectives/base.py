"""The one signature of an adversarial objective."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor, nn

from physgan.domain import Verdict


class Objective(nn.Module, ABC):
    """How the critic measures, as pure functions of verdicts; state, if any, lives in buffers.

    Scores are logits or unbounded critic values of shape ``(B,)``; both losses are means over
    the batch and are minimised. The class attributes tell a core what to provide:
    ``needs_critic`` (False: features of the data itself), ``real_in_generator`` (the generator
    loss reads the real verdict), ``fakes`` (independent fake batches that are needed).

    Energy objectives read ``score`` as the energy: an autoencoding critic gives its error of
    reconstruction per sample there and the reconstruction itself beside it. Moment objectives
    read ``features``. A subclass hands its constants to ``__init__``, which keeps them in
    ``hparams``; ``type(objective)(**objective.hparams)`` builds it again.
    """

    needs_critic: bool = True
    real_in_generator: bool = False
    fakes: int = 1

    def __init__(self, **hparams: Any) -> None:
        super().__init__()
        self.hparams: dict[str, Any] = hparams

    @abstractmethod
    def critic_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        """Loss of the critic, a scalar."""

    @abstractmethod
    def generator_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        """Loss of the generator side, a scalar."""

    def after_critic_step(self, critic: nn.Module, real: Verdict, *fake: Verdict) -> None:
        """Called under no_grad after each critic step: weight clipping, objective state."""
