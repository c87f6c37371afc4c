"""One side of a translating game: a domain's critic, objective, regulariser, laws, projections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from physgan.constraints import Multipliers
from physgan.cores.base import resting
from physgan.cores.criticism import Criticism, CriticOptions, data_features, prepared
from physgan.cores.pool import FakePool
from physgan.cores.ranges import Natural
from physgan.domain import Domain, Verdict
from physgan.tensors import float_leaves


@dataclass(frozen=True)
class SideOptions(CriticOptions):
    """What both sides' critics share. ``laws`` False leaves the domains' laws out; ``pool`` is the
    number of old fakes that each critic sees again, 0 for none (``FakePool``)."""

    objective: str = "lsgan"
    laws: bool = True
    pool: Natural = 50


class Side(Criticism):
    """Judges the samples x of one domain, given ``given``; it asks for no condition."""

    def __init__(self, domain: Domain, options: SideOptions) -> None:
        super().__init__()
        self._judge_by(domain, options)
        self.critic: nn.Module | None = None
        if self.objective.needs_critic:
            kinds = domain.critic, domain.autoencoder_critic
            self.critic = self._build_critic(*kinds, 0, options)
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
        return prepared(self.critic, x)

    def judge(self, x: TensorDict, given: TensorDict) -> Verdict:
        """The critic's verdict on ``x``, prepared and then augmented; without a critic, the data
        themselves as features."""
        if self.critic is None:
            return data_features(x)
        nothing = next(iter(float_leaves(x).values())).new_zeros(len(x), 0)
        return self.critic(self._augmented(x), nothing, given)

    def mixed(self, fake: TensorDict, given: TensorDict) -> TensorDict:
        """Half old fakes, once the pool is full, each ``x`` with what was ``given`` for it; the
        pool moves on."""
        return self.pool.swap(TensorDict({"x": fake, "given": given}, fake.batch_size))

    def critic_loss(
        self, real: TensorDict, fake: TensorDict, mixed: TensorDict, given: TensorDict
    ) -> tuple[Tensor, tuple[Verdict, ...]]:
        """What the critic minimises, a scalar, and its verdicts for ``after_critic_step``; no
        gradient reaches ``fake``.

        It judges the ``mixed`` fakes; the regulariser looks at the fresh ones, beside ``real``
        under ``given``.
        """
        against = self.judge(self.prepare(mixed["x"]), mixed["given"])
        real, fake = self.prepare(real), self.prepare(fake.detach())
        said = (self.judge(real, given), *self.fakes(against))
        loss = self.objective.critic_loss(*said)
        penalty = self.regularizer(
            lambda x: self.objective.witness(self.judge(x, given), *said), real, fake
        )
        return loss if penalty is None else loss + penalty, said

    def after_critic_step(self, said: Sequence[Verdict]) -> None:
        """Weight clipping and the states of objective and augmentation, by the verdicts of the
        loss before."""
        assert self.critic is not None
        self._after_critic_step(self.critic, *said)

    def generator_loss(self, real: TensorDict, fake: TensorDict, given: TensorDict) -> Tensor:
        """What ``fake`` pays at the resting critic, a scalar."""
        with resting(*([] if self.critic is None else [self.critic])):
            said = self.judge(self.prepare(fake), given)
            against = said
            if self.objective.real_in_generator:
                with torch.no_grad():
                    against = self.judge(self.prepare(real), given)
            return self.objective.generator_loss(against, *self.fakes(said))

    def laws(self, x: TensorDict, given: TensorDict) -> tuple[Tensor, dict[str, Tensor]]:
        """The multipliers' loss on ``x``, and each law's mean residual."""
        found = {n: p.function(x, given).mean() for n, p in self.penalties.items()}
        if not found:
            return next(self.parameters()).new_zeros(()), {}
        return self.multipliers(found), {n: value.detach() for n, value in found.items()}

    def report(self) -> dict[str, float]:
        """Slow-moving state worth logging."""
        laws = self.multipliers.report() if self.penalties else {}
        return laws | self._criticism_report()
