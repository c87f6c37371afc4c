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

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from physgan.conditions import ConditionSchema
from physgan.cores.adversarial import (
    AdversarialCore,
    AdversarialOptions,
    features_of,
    read_options,
)
from physgan.cores.base import Draw, Loss, Turn, resting
from physgan.cores.prior import FlowPrior
from physgan.cores.resampling import Resampler
from physgan.cores.settle import settle_prior
from physgan.domain import Domain


@dataclass(frozen=True)
class VAEGANOptions(AdversarialOptions):
    """``adversarial`` 0 builds no critic: the plain conditional VAE.

    ``reconstruction`` weighs terms of the likelihood by name (default 1): a density that can
    grow without bound must not drown the classes. ``prior`` are the options of ``FlowPrior``.
    ``start`` is the step at which the critic enters; from then on the generator faces it and the
    laws every ``interval`` steps.
    """

    beta: float = 1.0
    reconstruction: dict[str, float] = field(default_factory=dict)
    beta_warmup: int = 1000
    adversarial: float = 0.05
    feature: float = 0.05
    auxiliary: float = 0.05
    start: int = 3000
    interval: int = 1
    prior: dict[str, Any] = field(default_factory=dict)


class VAEGAN(AdversarialCore):
    """See the module's docstring; ``options`` are the fields of VAEGANOptions."""

    averaged = ("encoder", "generator", "prior")
    optional = ("resampler.",)
    options: VAEGANOptions

    def __init__(self, domain: Domain, schema: ConditionSchema, **options: Any) -> None:
        super().__init__()
        self.options = read_options(VAEGANOptions, "VAE-GAN", options)
        opt, dim = self.options, schema.dim
        self.encoder = domain.encoder(dim, latent_dim=opt.latent_dim, **opt.network)
        self.generator = domain.generator(dim, latent_dim=opt.latent_dim, **opt.network)
        self.prior = FlowPrior(opt.latent_dim, dim, **opt.prior)
        self.resampler = Resampler(opt.latent_dim, dim)
        self._equip(domain, schema, opt)

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
        x, condition, known, given = self._read(draw())
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
            laws, residuals = self._laws(fakes[1], given)
            losses.append(Loss(self.options.interval * (against + laws), ("generator",)))
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

    def _fresh_critic_turn(self, batch: TensorDict) -> Iterator[Turn]:
        x, condition, known, given = self._read(batch)
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
            terms = {
                "adversarial": torch.stack(against).mean(),
                "feature": (features_of(said[0]) - features_of(real)).square().mean(),
                "auxiliary": self.heads.loss(features_of(said[1]), condition),
                **self._asked(fakes[1], condition),
            }
        return self._weighed(terms)

    @torch.no_grad()
    def sample(self, condition: Tensor, given: TensorDict) -> TensorDict:
        z = self.resampler.sample(self.prior.sample, condition)
        return self.generator(z, condition, given)

    @torch.no_grad()
    def validation_loss(self, batch: TensorDict) -> dict[str, Tensor]:
        _, elbo, logs = self._elbo(batch["x"], self.schema(batch["y"]), batch["given"], 1.0)
        return {"elbo": elbo, **logs}

    def settle(self, train: TensorDict, held: TensorDict, seconds: float) -> dict[str, float]:
        drop = self.options.condition_drop
        found = settle_prior(
            self.prior, self.resampler, self.encoder, self.schema, drop, train, held,
            seconds=seconds,
        )  # fmt: skip
        return {name: float(value) for name, value in asdict(found).items()}
