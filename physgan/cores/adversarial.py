"""What every adversarial core has: a critic with heads, laws with multipliers, projections."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from physgan import objectives, regularizers
from physgan.conditions import ConditionSchema
from physgan.constraints import Multipliers
from physgan.cores.base import Core, Loss, Turn
from physgan.cores.heads import PropertyHeads
from physgan.domain import Domain, Verdict
from physgan.errors import InputError
from physgan.regularizers import Lazy


@dataclass(frozen=True)
class AdversarialOptions:
    """``adversarial``, ``feature`` and ``auxiliary`` weigh the generator's score, its distance in
    critic features and the properties read from them; ``asked`` weighs how far samples are from
    what was asked of properties with differentiable formulas. ``tolerances`` overrides the laws'
    own, by name; a tolerance of infinity leaves a law out. ``n_critic`` moves of the critic go to
    one of the generator.
    """

    latent_dim: int = 32
    condition_drop: float = 0.2
    objective: str = "rpgan"
    objective_constants: dict[str, float] = field(default_factory=dict)
    regularizer: str = "r1"
    regularizer_constants: dict[str, float] = field(default_factory=dict)
    regularizer_interval: int = 8
    spectral_norm: bool = False
    adversarial: float = 1.0
    feature: float = 0.0
    auxiliary: float = 0.1
    asked: float = 1.0
    laws: bool = True
    tolerances: dict[str, float] = field(default_factory=dict)
    n_critic: int = 1
    network: dict[str, Any] = field(default_factory=dict)
    critic_network: dict[str, Any] = field(default_factory=dict)


class AdversarialCore(Core):
    """Holds the networks of both sides' common losses; subclasses say how fakes are made."""

    critic: nn.Module | None
    heads: PropertyHeads | None
    options: AdversarialOptions

    @property
    def hparams(self) -> dict[str, Any]:
        """What rebuilds this core."""
        return asdict(self.options)

    def _equip(self, domain: Domain, schema: ConditionSchema, options: AdversarialOptions) -> None:
        """Build objective, regulariser, critic with heads, multipliers and projections."""
        self.schema = schema
        self.objective = objectives.build(options.objective, **options.objective_constants)
        self.regularizer = Lazy(
            regularizers.build(options.regularizer, **options.regularizer_constants),
            options.regularizer_interval,
        )
        self.critic, self.heads = None, None
        if options.adversarial > 0:
            self.critic = domain.critic(schema.dim, **options.critic_network)
            feature_dim: Any = self.critic.feature_dim
            self.heads = PropertyHeads(feature_dim, schema)
            if options.spectral_norm:
                regularizers.apply_spectral_norm(self.critic)
        laws = {p.name: p for p in domain.penalties()} if options.laws else {}
        tolerances = {p.name: p.tolerance for p in laws.values()} | options.tolerances
        self.penalties = {n: p for n, p in laws.items() if math.isfinite(tolerances[n])}
        self.multipliers = Multipliers({n: tolerances[n] for n in self.penalties})
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

    def _seen(self, x: TensorDict) -> TensorDict:
        """``x`` in the units in which the critic sees it, and in which it is regularised."""
        prepare = getattr(self.critic, "prepare", None)
        return x if prepare is None else prepare(x)

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
    ) -> Iterator[Turn]:
        """The critic's move against ``fakes``, of which the last is a sample of the prior."""
        assert self.critic is not None and self.heads is not None
        x, fakes = self._seen(x), [self._seen(fake.detach()) for fake in fakes]
        real = self.critic(x, condition, given)
        said = [self.critic(fake, condition, given) for fake in fakes]
        loss = torch.stack([self.objective.critic_loss(real, v) for v in said]).mean()
        total = loss + self.heads.loss(features_of(real), known)
        penalty = self.regularizer(
            lambda sample: self.critic(sample, condition, given).score,  # type: ignore[misc]
            x,
            fakes[-1],
        )
        logs = {
            "critic": loss.detach(),
            "score_real": real.score.detach().mean(),
            "score_fake": said[-1].score.detach().mean(),
        }
        if penalty is not None:
            total = total + penalty
        yield Turn((Loss(total, ("critic",)),), ("critic",), logs)
        with torch.no_grad():
            self.objective.after_critic_step(self.critic, real, *said)

    def _weighed(self, terms: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """The sum of the generator's terms, each times the option of its name, and their logs."""
        total = torch.stack([getattr(self.options, n) * term for n, term in terms.items()]).sum()
        return total, {name: term.detach() for name, term in terms.items()}

    def report(self) -> dict[str, float]:
        return self.multipliers.report() if self.penalties else {}


def read_options(kind: type[Any], title: str, given: dict[str, Any]) -> Any:
    """``kind(**given)``; InputError for a name that it does not have."""
    fields = kind.__dataclass_fields__
    if unknown := sorted(set(given) - set(fields)):
        raise InputError(
            f"the {title} has no option {', '.join(unknown)}", fix=f"options: {', '.join(fields)}"
        )
    return kind(**given)


def features_of(verdict: Verdict) -> Tensor:
    """The features ``(B, F)`` of a verdict; InputError where the critic gives none."""
    if verdict.features is None:
        raise InputError("this domain's critic gives no features", fix="return features (B, F)")
    return verdict.features
