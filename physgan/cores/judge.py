"""One critic with its objective and regulariser, for cores that play against several."""

from __future__ import annotations

from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from physgan import objectives, regularizers
from physgan.cores.base import resting
from physgan.domain import Domain
from physgan.errors import InputError
from physgan.regularizers import Lazy


class Judge(nn.Module):
    """``critic`` maps ``(x, condition, given)`` to a Verdict; nothing is given to it here.

    Raises InputError for an objective that compares data without a critic, that plays with
    energies of an autoencoder, or that reads several independent fakes.
    """

    def __init__(self, domain: Domain, critic: nn.Module, options: Any) -> None:
        super().__init__()
        self.critic = critic
        self.objective = objectives.build(options.objective, **options.objective_constants)
        plain = self.objective.needs_critic and not self.objective.autoencoding
        if not plain or self.objective.fakes > 1:
            raise InputError(
                f"the objective {options.objective!r} does not play on sequences",
                fix="choose one of scores, such as hinge, rpgan or wgan",
            )
        regularizer = regularizers.build(options.regularizer, **options.regularizer_constants)
        self.regularizer = Lazy(regularizer.bind(domain), options.regularizer_interval)
        if options.spectral_norm:
            regularizers.apply_spectral_norm(critic)

    def critic_loss(
        self, real: TensorDict, fake: TensorDict, condition: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The critic's loss on samples off the graph, and what to log."""
        nothing = TensorDict({}, [len(condition)])
        said, lied = (self.critic(x, condition, nothing) for x in (real, fake))
        loss = self.objective.critic_loss(said, lied)
        self._played = (said, lied)

        def witness(sample: TensorDict) -> Tensor:
            verdict = self.critic(sample, condition, nothing)
            return self.objective.witness(verdict, said, lied)

        penalty = self.regularizer(witness, real, fake)
        logs = {"gap": (said.score.mean() - lied.score.mean()).detach()}
        return (loss if penalty is None else loss + penalty), logs

    @torch.no_grad()
    def moved(self) -> None:
        """After the critic's step: clipping, the objective's state."""
        self.objective.after_critic_step(self.critic, *self._played)
        del self._played

    def against(self, real: TensorDict, fake: TensorDict, condition: Tensor) -> Tensor:
        """The loss of the side that made ``fake``, while the critic rests."""
        nothing = TensorDict({}, [len(condition)])
        with resting(self.critic):
            lied = said = self.critic(fake, condition, nothing)
            if self.objective.real_in_generator:
                with torch.no_grad():
                    said = self.critic(real, condition, nothing)
        return self.objective.generator_loss(said, lied)
