"""What every adversarial core has: a critic with heads, laws with multipliers, projections."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from physgan.conditions import ConditionSchema
from physgan.constraints.laws import laws_of
from physgan.cores.base import Core, Loss, Turn, resting
from physgan.cores.criticism import Criticism, CriticOptions, data_features, prepared
from physgan.cores.guide import Guide
from physgan.cores.heads import PropertyHeads
from physgan.cores.ranges import Count, Share, Tolerance, Weight
from physgan.cores.replay import recorded
from physgan.domain import Domain, Verdict
from physgan.objectives.base import features_of
from physgan.regularizers.perceptual import Perceptual

if TYPE_CHECKING:
    from physgan.predictors import Predictor


@dataclass(frozen=True)
class AdversarialOptions(CriticOptions):
    """``adversarial``, ``feature`` and ``auxiliary`` weigh the generator's score, its distance in
    critic features and the properties read from them; ``asked`` weighs how far samples are from
    what was asked of properties with differentiable formulas, ``guided`` the same of those that
    the run's predictor, fitted before and at rest, reads from them; ``perceptual`` weighs the
    distance in features of that predictor's first member at rest, whose network options are the
    domain's advice with ``perceptual_network`` over it. A run without a predictor keeps the random
    features of that network as built, logs ``perceptual_trained`` 0, and says so when it starts.
    ``tolerances`` overrides the laws' own, by name; a tolerance of infinity leaves a law out.
    """

    objective: str = "rpgan"
    latent_dim: Count = 32
    condition_drop: Share = 0.2
    adversarial: Weight = 1.0
    feature: Weight = 0.0
    auxiliary: Weight = 0.1
    asked: Weight = 1.0
    guided: Weight = 0.0
    perceptual: Weight = 0.0
    perceptual_network: dict[str, Any] = field(default_factory=dict)
    laws: bool = True
    tolerances: dict[str, Tolerance] = field(default_factory=dict)
    network: dict[str, Any] = field(default_factory=dict)


class AdversarialCore(Criticism, Core):
    """Holds the networks of both sides' common losses; subclasses say how fakes are made.

    ``critic`` and ``heads`` are None where nobody plays against the generator, and where the
    objective compares the data themselves.
    """

    critic: nn.Module | None
    heads: PropertyHeads | None
    perceptual: Perceptual | None
    options: AdversarialOptions
    _guide: Guide | None = None

    @property
    def hparams(self) -> dict[str, Any]:
        """What rebuilds this core."""
        return asdict(self.options)

    def _equip(self, domain: Domain, schema: ConditionSchema, options: AdversarialOptions) -> None:
        """Build objective, regulariser, critic with heads, multipliers and projections."""
        self.schema = schema
        self._judge_by(domain, options)
        self.critic, self.heads = None, None
        if options.adversarial > 0 and self.objective.needs_critic:
            kinds = domain.critic, domain.autoencoder_critic
            critic = self._build_critic(*kinds, schema.dim, options)
            self.critic, self.heads = critic, PropertyHeads(critic.feature_dim, schema)
        self.perceptual = None
        if options.perceptual > 0:
            network = {**_advised_backbone(domain), **options.perceptual_network}
            self.perceptual = Perceptual(domain.predictor(**network))
        self.penalties, self.multipliers = laws_of(domain, options.laws, options.tolerances)
        self.projections = [p for p in domain.projections() if p.differentiable]

    def _read(self, batch: TensorDict) -> tuple[TensorDict, Tensor, Tensor, TensorDict]:
        """x, the condition with some properties forgotten, the whole one, and what is given."""
        known = self.schema(batch["y"])
        condition = self.schema.drop(known, self.options.condition_drop)
        return batch["x"], condition, known, batch["given"]

    def _project(self, x: TensorDict, given: TensorDict) -> TensorDict:
        for projection in self.projections:
            x = projection.function(x, given)
        return x

    def _asked(self, x: TensorDict, condition: Tensor) -> dict[str, Tensor]:
        """How far ``x`` is from ``condition`` in the properties whose formulas pass gradients,
        under the name of its weight; nothing where there is none."""
        formulas = {p.name: p.exact for p in self.schema.properties if p.differentiable and p.exact}
        if not formulas or not self.options.asked:
            return {}
        return {"asked": self.schema.gap({n: f(x) for n, f in formulas.items()}, condition)}

    @property
    def guided(self) -> bool:
        return self.options.guided > 0 or self.perceptual is not None

    def follow(self, predictor: Predictor | None) -> None:
        """Be guided by ``predictor``, if ``guided`` weighs it, and compare samples in its features,
        if ``perceptual`` does; InputError for None in the first case alone."""
        if self.options.guided > 0:
            self._guide = Guide(predictor, self.schema)
        if self.perceptual is not None and predictor is not None:
            first: Any = predictor.members[0]
            self.perceptual.take(first.backbone)

    def _guided(self, x: TensorDict, condition: Tensor, given: TensorDict) -> dict[str, Tensor]:
        """How far ``x`` is from ``condition`` by the predictor, under the name of its weight."""
        if not self.options.guided:
            return {}
        if self._guide is None:
            raise RuntimeError("call follow(predictor) before a guided core is trained")
        return {"guided": self._guide.gap(x, given, condition)}

    def _seen(self, x: TensorDict) -> TensorDict:
        """``x`` in the units in which the critic sees it, and in which it is regularised."""
        return prepared(self.critic, x)

    def _verdict(self, x: TensorDict, condition: Tensor, given: TensorDict) -> Verdict:
        """What the critic says of ``x``, which is augmented in the units given; without a critic,
        the data beside their condition as features."""
        if self.critic is None:
            return data_features(x, condition)
        return self.critic(self._augmented(x), condition, given)

    def _judge(self, x: TensorDict, condition: Tensor, given: TensorDict) -> Verdict:
        """``_verdict`` on ``x`` in the user's units."""
        return self._verdict(x if self.augmentation is None else self._seen(x), condition, given)

    def _resting(self) -> AbstractContextManager[None]:
        """The critic's side takes no gradient."""
        return resting(*(n for n in (self.critic, self.heads) if n is not None))

    def _laws(self, x: TensorDict, given: TensorDict) -> tuple[Tensor, dict[str, Tensor]]:
        """The multipliers' loss on ``x``, and each law's mean residual for their update."""
        found = {n: p.function(x, given).mean() for n, p in self.penalties.items()}
        if not found:
            return next(self.parameters()).new_zeros(()), {}
        return self.multipliers(found), {n: value.detach() for n, value in found.items()}

    def _critic_turn(
        self,
        x: TensorDict,
        fakes: Sequence[TensorDict],
        condition: Tensor,
        known: Tensor,
        given: TensorDict,
        others: Sequence[TensorDict] = (),
    ) -> Iterator[Turn]:
        """The critic's move against ``fakes``, of which the last is a sample of the prior; each is
        judged beside ``others``, further samples where the objective needs them."""
        if self.critic is None:
            return
        x = self._seen(x)
        seen = [[self._seen(fake.detach()) for fake in group] for group in (fakes, others)]
        told, again = recorded(self._critic_losses, x, *seen, condition, known, given)
        total, verdicts, logs = told

        def replay() -> tuple[Loss, ...]:
            self.regularizer.rewind()
            return (Loss(again(x, *seen, condition, known, given)[0], ("critic",)),)

        yield Turn((Loss(total, ("critic",)),), ("critic",), logs, replay)
        self._after_critic_step(self.critic, *verdicts)

    def _critic_losses(
        self,
        x: TensorDict,
        fakes: Sequence[TensorDict],
        others: Sequence[TensorDict],
        condition: Tensor,
        known: Tensor,
        given: TensorDict,
    ) -> tuple[Tensor, tuple[Verdict, ...], dict[str, Tensor]]:
        """The critic's loss, the verdicts that move the objective's state, and what to log."""
        assert self.heads is not None
        real = self._verdict(x, condition, given)
        said = [self._verdict(fake, condition, given) for fake in fakes]
        more = [self._verdict(other, condition, given) for other in others]
        loss = self._objective_loss(real, said, more)
        total = loss + self.heads.loss(features_of(real), known)
        played = (real, said[-1], *more)

        def witness(sample: TensorDict) -> Tensor:
            return self.objective.witness(self._verdict(sample, condition, given), *played)

        penalty = self.regularizer(witness, x, fakes[-1])
        logs = {
            "critic": loss.detach(),
            "score_real": real.score.detach().mean(),
            "score_fake": said[-1].score.detach().mean(),
        }
        return total if penalty is None else total + penalty, played, logs

    def _objective_loss(self, real: Verdict, said: list[Verdict], more: list[Verdict]) -> Tensor:
        """The objective's loss of the critic, averaged over the fakes of which it ``said``."""
        return torch.stack([self.objective.critic_loss(real, v, *more) for v in said]).mean()

    def _weighed(self, terms: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """The sum of the generator's terms, each times the option of its name, and their logs."""
        total = torch.stack([getattr(self.options, n) * term for n, term in terms.items()]).sum()
        return total, {name: term.detach() for name, term in terms.items()}

    def rehearse(self, batch: TensorDict) -> None:
        self.rehearse_on(self._seen(batch["x"]))

    def notes(self, predictor: Predictor | None) -> list[str]:
        if self.perceptual is None or predictor is not None:
            return []
        return [
            "the perceptual distance is taken in features of an untrained network: this run has no "
            "predictor"
        ]

    def report(self) -> dict[str, float]:
        state = self._criticism_report()
        if self.perceptual is not None:
            state["perceptual_trained"] = float(self.perceptual.trained)
        return (self.multipliers.report() if self.penalties else {}) | state


def _advised_backbone(domain: Domain) -> dict[str, Any]:
    """The network options of the first member that a run's predictor has by the domain's advice."""
    from physgan.predictors.options import PredictorOptions

    return PredictorOptions(**domain.recommended().get("predictor", {})).backbone_of(0)
