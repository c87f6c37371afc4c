"""The one signature of an adversarial objective."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from torch import Tensor, nn

from physgan.domain import Verdict
from physgan.errors import InputError


class Objective(nn.Module, ABC):
    """How the critic measures, as pure functions of verdicts; state, if any, lives in buffers.

    Scores are logits or unbounded critic values of shape ``(B,)``; both losses are means over
    the batch and are minimised. The class attributes tell a core what to provide:
    ``needs_critic`` (False: features are the data themselves beside their condition),
    ``autoencoding`` (the critic is an autoencoder), ``real_in_generator`` (the generator loss
    reads the real verdict), ``fakes`` (independent fake batches that are needed); ``signed`` says
    that the best score has the sign of p - q, so that zero is "undecided", which adaptive
    augmentation and the gates of professor forcing read.

    Energy objectives read ``score`` as the energy: an autoencoding critic gives its error of
    reconstruction per sample there and the reconstruction itself beside it. Moment objectives
    read ``features``. A subclass hands its constants to ``__init__``, which keeps them in
    ``hparams``; ``type(objective)(**objective.hparams)`` builds it again.
    """

    needs_critic: bool = True
    autoencoding: bool = False
    real_in_generator: bool = False
    fakes: int = 1
    signed: bool = False

    def __init__(self, **hparams: Any) -> None:
        super().__init__()
        self.hparams: dict[str, Any] = hparams

    @abstractmethod
    def critic_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        """Loss of the critic, a scalar."""

    @abstractmethod
    def generator_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        """Loss of the generator side, a scalar."""

    def fake_loss(self, fake: Verdict) -> Tensor:
        """The critic's term of made samples alone, a scalar, where ``critic_loss`` is a sum of one
        of real and one of made samples and a game adds several kinds of these."""
        raise NotImplementedError

    @property
    def two_sided(self) -> bool:
        """Whether ``makers_loss`` is there: a critic of its own scores one real and one fake batch.
        An autoencoder's energy is that of a sample, and says nothing of the latent beside it."""
        return self.needs_critic and not self.autoencoding and self.fakes == 1

    def makers_loss(self, real: Verdict, fake: Verdict) -> Tensor:
        """Loss of a game in which both batches are made, a scalar whose gradient reaches both:
        real ones should look fake, fake ones real.

        The critic's loss with both exchanged (ALI, 1606.00704, section 2.1). An objective whose
        critic's loss does not change sign by it, or that bounds the critic there, says its own.
        """
        return self.critic_loss(fake, real)

    def witness(self, judged: Verdict, real: Verdict, *fake: Verdict) -> Tensor:
        """The function of a sample, ``(B,)``, that tells real from fake and that a regulariser
        bounds; the score, unless the objective reads something else."""
        return judged.score

    def after_critic_step(self, critic: nn.Module, real: Verdict, *fake: Verdict) -> None:
        """Called under no_grad after each critic step: weight clipping, objective state."""

    def report(self) -> dict[str, float]:
        """State worth logging: every scalar buffer whose name does not begin with ``_``."""
        return {n: float(b) for n, b in self.named_buffers() if b.ndim == 0 and n[0] != "_"}


def features_of(verdict: Verdict) -> Tensor:
    """The features ``(B, F)`` of a verdict; InputError where the critic gives none."""
    if verdict.features is None:
        raise InputError("this domain's critic gives no features", fix="return features (B, F)")
    return verdict.features


def require(holds: bool, what: str, fix: str) -> None:
    """InputError of ``what`` unless a constant is what it must be."""
    if not holds:
        raise InputError(what, fix=fix)
