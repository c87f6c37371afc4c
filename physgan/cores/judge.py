"""One critic with what it judges by, for cores that play against several."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from physgan.cores.base import resting
from physgan.cores.criticism import Criticism, CriticOptions, data_features
from physgan.domain import Domain, Verdict


class Judge(Criticism):
    """Judges samples x under a condition, with nothing given.

    ``plain`` and ``autoencoding`` build the critic that the objective asks for: ``(condition_dim,
    **critic_network)`` to a network ``(x, condition, given) -> Verdict``. ``critic`` is None where
    the objective compares the data themselves.
    """

    def __init__(
        self,
        domain: Domain,
        plain: Callable[..., nn.Module],
        autoencoding: Callable[..., nn.Module],
        condition_dim: int,
        options: CriticOptions,
    ) -> None:
        super().__init__()
        self._judge_by(domain, options)
        self.critic: nn.Module | None = None
        if self.objective.needs_critic:
            self.critic = self._build_critic(plain, autoencoding, condition_dim, options)

    def critic_loss(
        self, real: TensorDict, fakes: Sequence[TensorDict], condition: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The critic's loss on samples off the graph, and what to log. ``fakes`` are as many
        independent batches as the objective reads."""
        said = self._verdict(real, condition)
        lied = [self._verdict(fake, condition) for fake in fakes]
        loss = self.objective.critic_loss(said, *lied)
        self._played = (said, *lied)

        def witness(sample: TensorDict) -> Tensor:
            return self.objective.witness(self._verdict(sample, condition), said, *lied)

        penalty = self.regularizer(witness, real, fakes[0])
        logs = {"gap": (said.score.mean() - lied[0].score.mean()).detach()}
        return (loss if penalty is None else loss + penalty), logs

    def moved(self) -> None:
        """After the critic's step: clipping, the states of objective and augmentation."""
        assert self.critic is not None
        self._after_critic_step(self.critic, *self._played)
        del self._played

    def against(self, real: TensorDict, fakes: Sequence[TensorDict], condition: Tensor) -> Tensor:
        """The loss of the side that made ``fakes``, while the critic rests."""
        with resting(*([] if self.critic is None else [self.critic])):
            lied = [self._verdict(fake, condition) for fake in fakes]
            said = lied[0]
            if self.objective.real_in_generator:
                with torch.no_grad():
                    said = self._verdict(real, condition)
        return self.objective.generator_loss(said, *lied)

    def report(self) -> dict[str, float]:
        """Slow-moving state worth logging."""
        return self._criticism_report()

    def _verdict(self, x: TensorDict, condition: Tensor) -> Verdict:
        """What the critic says of ``x``, augmented; without a critic the data beside the condition
        as features."""
        if self.critic is None:
            return data_features(x, condition)
        return self.critic(self._augmented(x), condition, TensorDict({}, [len(condition)]))
