"""The conditional VAE-GAN: encoder, flow prior, decoder = generator, critic.

Larsen et al. (1512.09300) with a learned conditional prior. Per step, in this order:

    L_ELBO   = E[-log p(x | z, c)] + beta KL(q(z | x, c) || p(z | c))  encoder, generator, prior
    L_critic = objective(D(x), D(x~), D(x_p)) + regulariser + heads    critic, heads
    L_adv    = w_a objective(D(x~), D(x_p)) + w_f |D_f(x~) - D_f(x)|^2
               + w_h heads(x_p) + multipliers(laws(x_p))               generator alone

x~ is the reconstruction, x_p a sample of the prior; both are drawn once per step, detached for
the critic and used again for the generator. No network receives another one's gradient.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from physgan import objectives, regularizers
from physgan.conditions import ConditionSchema
from physgan.constraints import Multipliers
from physgan.cores.base import Core, Draw, Loss, Turn, resting
from physgan.cores.heads import PropertyHeads
from physgan.cores.prior import FlowPrior
from physgan.cores.settle import settle_prior
from physgan.domain import Domain, Verdict
from physgan.errors import InputError
from physgan.regularizers import Lazy


@dataclass(frozen=True)
class VAEGANOptions:
    """``adversarial`` 0 builds no critic: the plain conditional VAE.

    ``reconstruction`` weighs terms of the likelihood by name (default 1): a density that can
    grow without bound must not drown the classes. ``start`` is the step at which the critic
    enters. ``tolerances`` overrides the laws' own, by name; a tolerance of infinity leaves a law
    out.
    """

    latent_dim: int = 32
    beta: float = 1.0
    reconstruction: dict[str, float] = field(default_factory=dict)
    beta_warmup: int = 1000
    condition_drop: float = 0.2
    objective: str = "rpgan"
    objective_constants: dict[str, float] = field(default_factory=dict)
    regularizer: str = "r1"
    regularizer_constants: dict[str, float] = field(default_factory=dict)
    regularizer_interval: int = 8
    spectral_norm: bool = False
    adversarial: float = 0.05
    feature: float = 0.05
    auxiliary: float = 0.05
    laws: bool = True
    tolerances: dict[str, float] = field(default_factory=dict)
    start: int = 3000
    interval: int = 1
    n_critic: int = 1
    prior: dict[str, Any] = field(default_factory=dict)
    network: dict[str, Any] = field(default_factory=dict)
    critic_network: dict[str, Any] = field(default_factory=dict)


class VAEGAN(Core):
    """See the module's docstring; ``options`` are the fields of VAEGANOptions."""

    averaged = ("encoder", "generator", "prior")

    def __init__(self, domain: Domain, schema: ConditionSchema, **options: Any) -> None:
        super().__init__()
        unknown = set(options) - set(VAEGANOptions.__dataclass_fields__)
        if unknown:
            raise InputError(
                f"the VAE-GAN has no option {', '.join(sorted(unknown))}",
                fix=f"options: {', '.join(VAEGANOptions.__dataclass_fields__)}",
            )
        self.options = opt = VAEGANOptions(**options)
        self.schema = schema
        dim = schema.dim
        self.encoder = domain.encoder(dim, latent_dim=opt.latent_dim, **opt.network)
        self.generator = domain.generator(dim, latent_dim=opt.latent_dim, **opt.network)
        self.prior = FlowPrior(opt.latent_dim, dim, **opt.prior)
        self.objective = objectives.build(opt.objective, **opt.objective_constants)
        self.regularizer = Lazy(
            regularizers.build(opt.regularizer, **opt.regularizer_constants),
            opt.regularizer_interval,
        )
        self.critic: nn.Module | None = None
        self.heads: PropertyHeads | None = None
        if opt.adversarial > 0:
            self.critic = domain.critic(dim, **opt.critic_network)
            feature_dim: Any = self.critic.feature_dim
            self.heads = PropertyHeads(feature_dim, schema)
            if opt.spectral_norm:
                regularizers.apply_spectral_norm(self.critic)
        laws = {p.name: p for p in domain.penalties()} if opt.laws else {}
        tolerances = {p.name: p.tolerance for p in laws.values()} | opt.tolerances
        self.penalties = {n: p for n, p in laws.items() if math.isfinite(tolerances[n])}
        self.multipliers = Multipliers({n: tolerances[n] for n in self.penalties})
        self.projections = [p for p in domain.projections() if p.differentiable]

    @property
    def hparams(self) -> dict[str, Any]:
        """What rebuilds this core."""
        return asdict(self.options)

    @property
    def players(self) -> Mapping[str, nn.Module]:
        found: dict[str, nn.Module] = {
            "encoder": self.encoder,
            "generator": self.generator,
            "prior": self.prior,
        }
        if self.critic is not None and self.heads is not None:
            found["critic"] = nn.ModuleList([self.critic, self.heads])
        return found

    def turns(self, draw: Draw, step: int) -> Iterator[Turn]:
        batch = draw()
        x, given = batch["x"], batch["given"]
        known = self.schema(batch["y"])
        condition = self.schema.drop(known, self.options.condition_drop)
        # Slow at first: the decoder must learn to read z before z is made to cost anything.
        warm = min(1.0, (step + 1) / max(1, self.options.beta_warmup)) ** 2
        z, elbo, logs = self._elbo(x, condition, given, self.options.beta * warm)
        losses = [Loss(elbo, ("encoder", "generator", "prior"))]
        residuals: dict[str, Tensor] = {}
        if self._plays(step):
            fakes = self._fakes(x, z.detach(), condition, given)
            if self.critic is not None:
                yield from self._critic_turn(x, fakes, condition, known, given)
                for _ in range(self.options.n_critic - 1):
                    yield from self._fresh_critic_turn(draw())
            against, more = self._against_critic(x, fakes, condition, given)
            laws = {n: p.function(fakes[1], given).mean() for n, p in self.penalties.items()}
            if laws:
                against = against + self.multipliers(laws)
                residuals = {name: value.detach() for name, value in laws.items()}
            losses.append(Loss(self.options.interval * against, ("generator",)))
            logs |= more | {f"law_{name}": value for name, value in residuals.items()}
        yield Turn(tuple(losses), ("encoder", "generator", "prior"), logs)
        if residuals:
            self.multipliers.update(residuals)

    def _plays(self, step: int) -> bool:
        since = step - self.options.start
        someone = self.critic is not None or bool(self.penalties)
        return someone and since >= 0 and since % self.options.interval == 0

    def _elbo(
        self, x: TensorDict, condition: Tensor, given: TensorDict, beta: float
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """z ``(B, Z)``, the negative ELBO with KL weighed by ``beta``, and what to log."""
        mean, log_variance = self.encoder(x, condition, given)
        posterior = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
        z = posterior.rsample()
        kl = posterior.log_prob(z).sum(dim=1) - self.prior.log_prob(z, condition)
        terms = self.generator.nll(x, z, condition, given)
        weigh = self.options.reconstruction
        total = sum(weigh.get(name, 1.0) * term.mean() for name, term in terms.items())
        total = total + beta * kl.mean()
        logs = {f"nll_{name}": term.detach().mean() for name, term in terms.items()}
        return z, total, {"elbo": total.detach(), "kl": kl.detach().mean(), **logs}

    def _fakes(
        self, x: TensorDict, z: Tensor, condition: Tensor, given: TensorDict
    ) -> tuple[TensorDict, TensorDict]:
        """A reconstruction x~ and a sample x_p of the prior; gradients reach the generator."""
        again = self.generator.reconstruct(x, z, condition, given)
        with torch.no_grad():
            drawn = self.prior.sample(condition)
        return again, self._project(self.generator(drawn, condition, given), given)

    def _project(self, x: TensorDict, given: TensorDict) -> TensorDict:
        for projection in self.projections:
            x = projection.function(x, given)
        return x

    def _critic_turn(
        self,
        x: TensorDict,
        fakes: tuple[TensorDict, TensorDict],
        condition: Tensor,
        known: Tensor,
        given: TensorDict,
    ) -> Iterator[Turn]:
        assert self.critic is not None and self.heads is not None
        real = self.critic(x, condition, given)
        said = [self.critic(fake.detach(), condition, given) for fake in fakes]
        loss = torch.stack([self.objective.critic_loss(real, v) for v in said]).mean()
        total = loss + self.heads.loss(_features(real), known)
        penalty = self.regularizer(
            lambda sample: self.critic(sample, condition, given).score,  # type: ignore[misc]
            x,
            fakes[1].detach(),
        )
        logs = {
            "critic": loss.detach(),
            "score_real": real.score.detach().mean(),
            "score_fake": said[1].score.detach().mean(),
        }
        if penalty is not None:
            total = total + penalty
        yield Turn((Loss(total, ("critic",)),), ("critic",), logs)
        with torch.no_grad():
            self.objective.after_critic_step(self.critic, real, *said)

    def _fresh_critic_turn(self, batch: TensorDict) -> Iterator[Turn]:
        x, given = batch["x"], batch["given"]
        known = self.schema(batch["y"])
        condition = self.schema.drop(known, self.options.condition_drop)
        with torch.no_grad():
            mean, log_variance = self.encoder(x, condition, given)
            z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
            fakes = self._fakes(x, z, condition, given)
        yield from self._critic_turn(x, fakes, condition, known, given)

    def _against_critic(
        self,
        x: TensorDict,
        fakes: tuple[TensorDict, TensorDict],
        condition: Tensor,
        given: TensorDict,
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The generator's own losses against the critic and for the heads."""
        if self.critic is None or self.heads is None:
            return condition.new_zeros(()), {}
        with resting(self.critic, self.heads):
            with torch.no_grad():
                real = self.critic(x, condition, given)
            said = [self.critic(fake, condition, given) for fake in fakes]
            against = [self.objective.generator_loss(real, v) for v in said]
            adversarial = torch.stack(against).mean()
            feature = (_features(said[0]) - _features(real)).square().mean()
            auxiliary = self.heads.loss(_features(said[1]), condition)
        opt = self.options
        total = opt.adversarial * adversarial + opt.feature * feature + opt.auxiliary * auxiliary
        logs = {"adversarial": adversarial, "feature": feature, "auxiliary": auxiliary}
        return total, {name: value.detach() for name, value in logs.items()}

    @torch.no_grad()
    def sample(self, condition: Tensor, given: TensorDict) -> TensorDict:
        return self.generator(self.prior.sample(condition), condition, given)

    @torch.no_grad()
    def validation_loss(self, batch: TensorDict) -> dict[str, Tensor]:
        _, elbo, logs = self._elbo(batch["x"], self.schema(batch["y"]), batch["given"], 1.0)
        return {"elbo": elbo, **logs}

    def settle(self, train: TensorDict, held: TensorDict, seconds: float) -> dict[str, float]:
        drop = self.options.condition_drop
        found = settle_prior(
            self.prior, self.encoder, self.schema, drop, train, held, seconds=seconds
        )
        return {"before": found.before, "after": found.after, "steps": float(found.steps)}

    def report(self) -> dict[str, float]:
        return self.multipliers.report() if self.penalties else {}


def _features(verdict: Verdict) -> Tensor:
    if verdict.features is None:
        raise InputError("this domain's critic gives no features", fix="return features (B, F)")
    return verdict.features
