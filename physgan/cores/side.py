"""One side of a translating game: a domain's critic, objective, regulariser, laws, projections."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from physgan import objectives, regularizers
from physgan.constraints import Multipliers
from physgan.cores.base import resting
from physgan.cores.pool import FakePool
from physgan.domain import Domain, Verdict
from physgan.regularizers import Lazy
from physgan.tensors import float_leaves


@dataclass(frozen=True)
class SideOptions:
    """What both sides' critics share. ``laws`` False leaves the domains' laws out; ``pool`` is the
    number of old fakes that each critic sees again, 0 for none (``FakePool``)."""

    objective: str = "lsgan"
    objective_constants: dict[str, Any] = field(default_factory=dict)
    regularizer: str = "r1"
    regularizer_constants: dict[str, Any] = field(default_factory=dict)
    regularizer_interval: int = 8
    laws: bool = True
    pool: int = 50
    critic_network: dict[str, Any] = field(default_factory=dict)


class Side(nn.Module):
    """Judges the samples x of one domain, given ``given``; it asks for no condition."""

    def __init__(self, domain: Domain, options: SideOptions) -> None:
        super().__init__()
        self.objective = objectives.build(options.objective, **options.objective_constants)
        self.critic: nn.Module | None = None
        if self.objective.needs_critic:
            kind = domain.autoencoder_critic if self.objective.autoencoding else domain.critic
            self.critic = kind(0, **options.critic_network)
        regularizer = regularizers.build(options.regularizer, **options.regularizer_constants)
        self.regularizer = Lazy(regularizer.bind(domain), options.regularizer_interval)
        self.penalties = {p.name: p for p in domain.penalties()} if options.laws else {}
        self.multipliers = Multipliers({n: p.tolerance for n, p in self.penalties.items()})
        self.projections = [p for p in domain.projections() if p.differentiable]
        self.pool = FakePool(options.pool)

    def project(self, x: TensorDict, given: TensorDict) -> TensorDict:
        """``x`` after the domain's differentiable projections, as it will be delivered."""
        for projection in self.projections:
            x = projection.function(x, given)
        return x

    def prepare(self, x: TensorDict) -> TensorDict:
        """``x`` in the units that the critic looks at."""
        return getattr(self.critic, "prepare", lambda x: x)(x)

    def judge(self, x: TensorDict, given: TensorDict) -> Verdict:
        """The critic's verdict on ``x``; without a critic, the data themselves as features."""
        leaves = list(float_leaves(x).values())
        if self.critic is None:
            rows = torch.cat([leaf.flatten(1) for leaf in leaves], dim=1)
            return Verdict(rows.new_zeros(len(rows)), rows)
        return self.critic(x, leaves[0].new_zeros(len(x), 0), given)

    def fakes(self, verdict: Verdict) -> list[Verdict]:
        """As many independent batches as the objective compares.

        Rows of a batch are independent draws, so the same verdict one row on is another batch.
        """

        def roll(shift: int) -> Verdict:
            features, again = verdict.features, verdict.reconstruction
            rows = torch.arange(len(verdict.score), device=verdict.score.device).roll(shift)
            return Verdict(
                verdict.score[rows],
                None if features is None else features[rows],
                None if again is None else again[rows],  # type: ignore[arg-type]
            )

        return [verdict, *(roll(n) for n in range(1, self.objective.fakes))]

    def critic_loss(self, real: TensorDict, fake: TensorDict, given: TensorDict) -> Tensor:
        """What the critic minimises, a scalar; no gradient reaches ``fake``.

        Half of the fakes that it judges are old ones, once the pool is full, each with what was
        given for it; the regulariser looks at the fresh ones, beside ``real`` under ``given``.
        """
        seen = self.pool.swap(TensorDict({"x": fake, "given": given}, fake.batch_size))
        against = self.judge(self.prepare(seen["x"]), seen["given"])
        real, fake = self.prepare(real), self.prepare(fake.detach())
        said = (self.judge(real, given), *self.fakes(against))
        self._said = said
        loss = self.objective.critic_loss(*said)
        penalty = self.regularizer(
            lambda x: self.objective.witness(self.judge(x, given), *said), real, fake
        )
        return loss if penalty is None else loss + penalty

    @torch.no_grad()
    def after_critic_step(self) -> None:
        """Weight clipping and objective state, by the verdicts of the last ``critic_loss``."""
        assert self.critic is not None
        self.objective.after_critic_step(self.critic, *self._said)
        del self._said

    def generator_loss(self, real: TensorDict, fake: TensorDict, given: TensorDict) -> Tensor:
        """What ``fake`` pays at the resting critic, a scalar."""
        with resting(*([] if self.critic is None else [self.critic])):
            said = self.judge(fake, given)
            against = said
            if self.objective.real_in_generator:
                with torch.no_grad():
                    against = self.judge(real, given)
            return self.objective.generator_loss(against, *self.fakes(said))

    def laws(self, x: TensorDict, given: TensorDict) -> tuple[Tensor, dict[str, Tensor]]:
        """The multipliers' loss on ``x``, and each law's mean residual."""
        found = {n: p.function(x, given).mean() for n, p in self.penalties.items()}
        if not found:
            return next(self.parameters()).new_zeros(()), {}
        return self.multipliers(found), {n: value.detach() for n, value in found.items()}
