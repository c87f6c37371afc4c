"""The physics-informed GAN: noise and conditions to a sample that keeps the laws.

Per step, in this order, with x_g = G(z, c, given) and P the domain's differentiable projections:

    L_critic = objective(D(x), D(P x_g)) + regulariser + heads      critic, heads
    L_gen    = w_a objective(D(P x_g), D(x)) + w_f |E D_f(P x_g) - E D_f(x)|^2
               + w_h heads(P x_g) + w_q |q(P x_g) - c| + multipliers(laws(x_g))   generator

The critic judges what will be delivered, after the projections, which pass gradients; the laws are
asked of what the network itself said, so that it learns to leave the projections nothing to do
(Raissi et al., 1711.10561, for residuals as losses; the multipliers are Nocedal & Wright, ch. 17).
The fakes of a step are made once, detached for the critic and used again for the generator.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
from physgan.domain import Domain
from physgan.errors import InputError


class PhysicsGAN(AdversarialCore):
    """See the module's docstring; ``options`` are the fields of AdversarialOptions.

    Raises InputError for ``adversarial`` 0: without a critic nothing would teach the generator.
    """

    averaged = ("generator",)

    def __init__(self, domain: Domain, schema: ConditionSchema, **options: Any) -> None:
        super().__init__()
        opt: AdversarialOptions = read_options(AdversarialOptions, "physics-informed GAN", options)
        self.options = opt
        if not opt.adversarial > 0:
            raise InputError(
                "a GAN needs its critic: adversarial is 0", fix="give a weight above 0"
            )
        self.generator = domain.generator(schema.dim, latent_dim=opt.latent_dim, **opt.network)
        self._equip(domain, schema, opt)

    @property
    def players(self) -> Mapping[str, nn.Module]:
        assert self.critic is not None and self.heads is not None
        return {
            "generator": self.generator,
            "critic": nn.ModuleList([self.critic, self.heads]),
        }

    def turns(self, draw: Draw, step: int) -> Iterator[Turn]:
        for _ in range(self.options.n_critic - 1):
            x, condition, known, given = self._read(draw())
            with torch.no_grad():
                fake = self._project(self._make(condition, given), given)
            yield from self._critic_turn(x, (fake,), condition, known, given)
        x, condition, known, given = self._read(draw())
        made = self._make(condition, given)
        fake = self._project(made, given)
        yield from self._critic_turn(x, (fake,), condition, known, given)
        against, logs = self._against(x, fake, condition, given)
        laws, residuals = self._laws(made, given)
        logs |= {f"law_{name}": value for name, value in residuals.items()}
        yield Turn((Loss(against + laws, ("generator",)),), ("generator",), logs)
        if residuals:
            self.multipliers.update(residuals)

    def _make(self, condition: Tensor, given: TensorDict) -> TensorDict:
        z = torch.randn(len(condition), self.options.latent_dim, device=condition.device)
        return self.generator(z, condition, given)

    def _against(
        self, x: TensorDict, fake: TensorDict, condition: Tensor, given: TensorDict
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The generator's losses against the critic and for the heads, which rest."""
        assert self.critic is not None and self.heads is not None
        with resting(self.critic, self.heads):
            said = self.critic(fake, condition, given)
            real = said
            if self.objective.real_in_generator or self.options.feature:
                with torch.no_grad():
                    real = self.critic(x, condition, given)
            gap = features_of(said).mean(dim=0) - features_of(real).mean(dim=0)
            terms = {
                "adversarial": self.objective.generator_loss(real, said),
                "feature": gap.square().mean(),
                "auxiliary": self.heads.loss(features_of(said), condition),
                **self._asked(fake, condition),
            }
        return self._weighed(terms)

    @torch.no_grad()
    def sample(self, condition: Tensor, given: TensorDict) -> TensorDict:
        return self._make(condition, given)
