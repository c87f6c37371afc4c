"""The conditional VAE-GAN: encoder, flow prior, decoder = generator, critic.

Larsen et al. (1512.09300) with a learned conditional prior. Per step, in this order:

    L_ELBO   = E[-log p(x | z, c)] + beta KL(q(z | x, c) || p(z | c))  encoder, generator, prior
    L_critic = objective(D(x), D(x~), D(x_p)) + regulariser + heads    critic, heads
    L_adv    = w_a objective(D(x~), D(x_p)) + w_f |D_f(x~) - D_f(x)|^2
               + w_h heads(x_p) + w_g |predictor(x_p) - c|
               + multipliers(laws(x_p))                                generator alone

x~ is the reconstruction, x_p a sample of the prior; both are drawn once per step, detached for
the critic and used again for the generator. No network receives another one's gradient.

The default deviates from Larsen et al. in two places, each an option. Terms of both fakes are
averaged, so that real and made weigh alike; with ``fakes`` "sum" they are added, and L_GAN at
D = 1/2 is 3 ln 1/2. And the data's likelihood is kept, the distance in the critic's features being
the generator's alone; with ``likelihood`` "features" it is, from ``start`` on, the likelihood
(algorithm 1): with L_l = |D_f(x~) - D_f(x)|^2 / 2, summed over features, the encoder and the prior
learn from beta KL + L_l, the generator from w_f L_l + w_a objective and its further terms, not from
log p(x | z, c), and w_f is the paper's gamma.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from physgan.conditions import ConditionSchema
from physgan.cores.adversarial import AdversarialCore, AdversarialOptions
from physgan.cores.base import Draw, Loss, Turn
from physgan.cores.prior import FlowPrior
from physgan.cores.ranges import Count, Natural, Weight
from physgan.cores.reading import read_options
from physgan.cores.replay import recorded
from physgan.cores.resampling import Resampler
from physgan.cores.settle import settle_prior
from physgan.domain import Domain, Verdict
from physgan.errors import InputError
from physgan.objectives.base import Objective, features_of


@dataclass(frozen=True)
class VAEGANOptions(AdversarialOptions):
    """``adversarial`` 0 builds no critic: the plain conditional VAE.

    ``reconstruction`` weighs terms of the likelihood by name (default 1): a density that can
    grow without bound must not drown the classes. ``prior`` are the options of ``FlowPrior``; with
    ``transforms`` 0 it is the standard normal, which learns nothing.
    ``start`` is the step at which the critic enters; from then on the generator faces it and the
    laws every ``interval`` steps. ``likelihood`` and ``fakes``: see the module's docstring; the
    validation loss is that of the data in both forms.
    """

    beta: Weight = 1.0
    reconstruction: dict[str, Weight] = field(default_factory=dict)
    beta_warmup: Natural = 1000
    adversarial: Weight = 0.05
    feature: Weight = 0.05
    auxiliary: Weight = 0.05
    start: Natural = 3000
    interval: Count = 1
    prior: dict[str, Any] = field(default_factory=dict)
    likelihood: Literal["data", "features"] = "data"
    fakes: Literal["mean", "sum"] = "mean"


class VAEGAN(AdversarialCore):
    """See the module's docstring; ``options`` are the fields of VAEGANOptions."""

    title, kind = "VAE-GAN", VAEGANOptions
    optional = ("resampler.",)
    options: VAEGANOptions

    def __init__(self, domain: Domain, schema: ConditionSchema, **options: Any) -> None:
        super().__init__()
        self.options = read_options(self.kind, self.title, options)
        opt, dim = self.options, schema.dim
        self.encoder = domain.encoder(dim, latent_dim=opt.latent_dim, **opt.network)
        self.generator = domain.generator(dim, latent_dim=opt.latent_dim, **opt.network)
        self.prior = FlowPrior(opt.latent_dim, dim, **opt.prior)
        self.resampler = Resampler(opt.latent_dim, dim)
        flows = any(True for _ in self.prior.parameters())
        self.elbo_players = ("encoder", "generator", *(("prior",) if flows else ()))
        self.averaged = self.elbo_players
        self._equip(domain, schema, opt)
        if opt.likelihood == "features" and (self.critic is None or opt.interval > 1):
            raise InputError(
                "the likelihood of features needs a critic that plays in every step",
                fix="choose adversarial > 0, an objective with a critic, and interval = 1",
            )
        if opt.fakes == "sum" and type(self.objective).fake_loss is Objective.fake_loss:
            raise InputError(
                f"the critic's loss of {opt.objective!r} is no sum of a term for real and one for "
                "made samples",
                fix="choose the objective minimax or non-saturating, or fakes = mean",
            )

    @property
    def players(self) -> Mapping[str, nn.Module]:
        found: dict[str, nn.Module] = {name: getattr(self, name) for name in self.elbo_players}
        if self.critic is not None and self.heads is not None:
            found["critic"] = nn.ModuleList([self.critic, self.heads])
        return found

    def turns(self, draw: Draw, step: int) -> Iterator[Turn]:
        x, condition, known, given = self._read(draw())
        # Slow at first: the decoder must learn to read z before z is made to cost anything.
        warm = min(1.0, (step + 1) / max(1, self.options.beta_warmup)) ** 2
        plays, beta = self._plays(step), self.options.beta * warm
        made, remake = recorded(self._make, x, condition, given, beta, plays)
        elbo, fakes, logs = made
        if plays:
            yield from self._critic_turn(x, fakes[:2], condition, known, given, fakes[2:])
            if self.critic is not None:
                for _ in range(self.options.n_critic - 1):
                    yield from self._fresh_critic_turn(draw())
        told, again = recorded(self._own_losses, x, fakes, condition, given)
        residuals, more = ({}, {}) if told is None else told[1:3]

        def replay() -> tuple[Loss, ...]:
            elbo, fakes, _ = remake(x, condition, given, beta, plays)
            return self._shared(elbo, again(x, fakes, condition, given))

        yield Turn(self._shared(elbo, told), self.elbo_players, logs | more, replay)
        if residuals:
            self.multipliers.update(residuals)

    def _make(
        self, x: TensorDict, condition: Tensor, given: TensorDict, beta: float, plays: bool
    ) -> tuple[Tensor, tuple[TensorDict, ...], dict[str, Tensor]]:
        """The negative ELBO, the fakes of this step if it ``plays``, and what to log."""
        by_features = plays and self.options.likelihood == "features"
        z, elbo, logs = self._elbo(x, condition, given, beta, by_data=not by_features)
        z = z if by_features else z.detach()
        return elbo, self._fakes(x, z, condition, given) if plays else (), logs

    def _own_losses(
        self, x: TensorDict, fakes: tuple[TensorDict, ...], condition: Tensor, given: TensorDict
    ) -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor], Tensor | None] | None:
        """The generator's loss beside the ELBO, the laws' residuals, what to log, and L_l where it
        is the likelihood; None in a step without fakes."""
        if not fakes:
            return None
        against, logs, likeness = self._against(x, fakes, condition, given)
        laws, residuals = self._laws(fakes[1], given)
        logs |= {f"law_{name}": value for name, value in residuals.items()}
        return self.options.interval * (against + laws), residuals, logs, likeness

    def _shared(self, elbo: Tensor, told: tuple[Any, ...] | None) -> tuple[Loss, ...]:
        """Who learns from what: ``elbo`` and, of a step with fakes, what ``_own_losses`` told."""
        if told is None:
            return (Loss(elbo, self.elbo_players),)
        own, likeness = told[0], told[3]
        if likeness is None:
            return Loss(elbo, self.elbo_players), Loss(own, ("generator",))
        readers = tuple(name for name in self.elbo_players if name != "generator")
        return Loss(elbo + likeness, readers), Loss(own, ("generator",))

    def _plays(self, step: int) -> bool:
        since = step - self.options.start
        opt = self.options
        someone = max(opt.adversarial, opt.perceptual, opt.guided) > 0 or bool(self.penalties)
        return someone and since >= 0 and since % self.options.interval == 0

    def _elbo(
        self,
        x: TensorDict,
        condition: Tensor,
        given: TensorDict,
        beta: float,
        by_data: bool = True,
    ) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
        """z ``(B, Z)``, the negative ELBO with KL weighed by ``beta``, and what to log; of it the
        KL alone unless ``by_data``."""
        mean, log_variance = self.encoder(x, condition, given)
        posterior = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
        z = posterior.rsample()
        kl = posterior.log_prob(z).sum(dim=1) - self.prior.log_prob(z, condition)
        terms = self.generator.nll(x, z, condition, given)
        weigh = self.options.reconstruction
        total = sum(weigh.get(name, 1.0) * term.mean() for name, term in terms.items())
        total = total + beta * kl.mean() if by_data else beta * kl.mean()
        logs = {f"nll_{name}": term.detach().mean() for name, term in terms.items()}
        return z, total, {"elbo": total.detach(), "kl": kl.detach().mean(), **logs}

    def _fakes(
        self, x: TensorDict, z: Tensor, condition: Tensor, given: TensorDict
    ) -> tuple[TensorDict, ...]:
        """A reconstruction x~, a sample x_p of the prior, and as many further ones as the
        objective reads; gradients reach the generator."""
        again = self.generator.reconstruct(x, z, condition, given)
        drawn = [self._draw(condition, given) for _ in range(self.objective.fakes)]
        return again, *drawn

    def _draw(self, condition: Tensor, given: TensorDict) -> TensorDict:
        with torch.no_grad():
            z = self.prior.sample(condition)
        return self._project(self.generator(z, condition, given), given)

    def _fresh_critic_turn(self, batch: TensorDict) -> Iterator[Turn]:
        x, condition, known, given = self._read(batch)
        with torch.no_grad():
            mean, log_variance = self.encoder(x, condition, given)
            z = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
            fakes = self._fakes(x, z, condition, given)
        yield from self._critic_turn(x, fakes[:2], condition, known, given, fakes[2:])

    def _against(
        self, x: TensorDict, fakes: tuple[TensorDict, ...], condition: Tensor, given: TensorDict
    ) -> tuple[Tensor, dict[str, Tensor], Tensor | None]:
        """The generator's own losses against the critic and for the heads, what to log, and L_l
        where it is the likelihood."""
        terms: dict[str, Tensor] = {}
        if self.perceptual is not None:
            terms["perceptual"] = self.perceptual.pairs(fakes[0], x, given)
        terms |= self._guided(fakes[1], condition, given)
        if not self.options.adversarial > 0:
            total, logs = self._weighed(terms) if terms else (condition.new_zeros(()), {})
            return total, logs, None
        with self._resting():
            with torch.no_grad():
                real = self._judge(x, condition, given)
            said, likeness = [self._judge(fake, condition, given) for fake in fakes], None
            against = [self.objective.generator_loss(real, v, *said[2:]) for v in said[:2]]
            terms["adversarial"] = self._over_fakes(against)
            if self.heads is not None:
                gap = features_of(said[0]) - features_of(real)
                by_features = self.options.likelihood == "features"
                likeness = gap.square().sum(dim=1).mean() / 2 if by_features else None
                terms["feature"] = gap.square().mean() if likeness is None else likeness
                terms["auxiliary"] = self.heads.loss(features_of(said[1]), condition)
            terms |= self._asked(fakes[1], condition)
        return *self._weighed(terms), likeness

    def _over_fakes(self, terms: list[Tensor]) -> Tensor:
        stacked = torch.stack(terms)
        return stacked.mean() if self.options.fakes == "mean" else stacked.sum()

    def _objective_loss(self, real: Verdict, said: list[Verdict], more: list[Verdict]) -> Tensor:
        if self.options.fakes == "mean":
            return super()._objective_loss(real, said, more)
        others = [self.objective.fake_loss(verdict) for verdict in said[:-1]]
        return torch.stack([self.objective.critic_loss(real, said[-1]), *others]).sum()

    @torch.no_grad()
    def sample(self, condition: Tensor, given: TensorDict) -> TensorDict:
        z = self.resampler.sample(self.prior.sample, condition)
        return self.generator(z, condition, given)

    @torch.no_grad()
    def validation_loss(self, batch: TensorDict) -> dict[str, Tensor]:
        _, elbo, logs = self._elbo(batch["x"], self.schema(batch["y"]), batch["given"], 1.0)
        return {"elbo": elbo, **logs}

    def settle(self, train: TensorDict, held: TensorDict, seconds: float) -> dict[str, float]:
        if "prior" not in self.elbo_players:
            return {}
        drop = self.options.condition_drop
        found = settle_prior(
            self.prior, self.resampler, self.encoder, self.schema, drop, train, held,
            seconds=seconds,
        )  # fmt: skip
        return {name: float(value) for name, value in asdict(found).items()}
