"""The physics-informed GAN: noise and conditions to a sample that keeps the laws.

Per step, in this order, with x_g = G(z, c, given) and P the domain's differentiable projections:

    L_critic = objective(D(x), D(P x_g)) + regulariser + heads      critic, heads
    L_gen    = w_a objective(D(P x_g), D(x)) + w_f |E D_f(P x_g) - E D_f(x)|^2
               + w_h heads(P x_g) + w_q |q(P x_g) - c| + w_g |predictor(P x_g) - c|
               + multipliers(laws(x_g))                                 generator

The critic judges what will be delivered, after the projections, which pass gradients; the laws are
asked of what the network itself said, so that it learns to leave the projections nothing to do
(Raissi et al., 1711.10561, for residuals as losses; the multipliers are Nocedal & Wright, ch. 17).
The fakes of a step are made once, detached for the critic and used again for the generator. An
objective that needs no critic compares the data themselves; only the generator plays then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from pydantic import Field
from tensordict import TensorDict
from torch import Tensor, nn

from physgan.conditions import ConditionSchema
from physgan.cores.adversarial import AdversarialCore, AdversarialOptions
from physgan.cores.base import Draw, Loss, Turn
from physgan.cores.reading import read_options
from physgan.cores.replay import recorded
from physgan.domain import Domain
from physgan.objectives.base import features_of


@dataclass(frozen=True)
class PhysicsGANOptions(AdversarialOptions):
    """``adversarial`` is above 0, as nothing else would teach the generator."""

    adversarial: Annotated[float, Field(gt=0)] = 1.0


class PhysicsGAN(AdversarialCore):
    """See the module's docstring; ``options`` are the fields of PhysicsGANOptions."""

    title, kind = "physics-informed GAN", PhysicsGANOptions
    averaged = ("generator",)

    def __init__(self, domain: Domain, schema: ConditionSchema, **options: Any) -> None:
        super().__init__()
        self.options = opt = read_options(self.kind, self.title, options)
        self.generator = domain.generator(schema.dim, latent_dim=opt.latent_dim, **opt.network)
        self._equip(domain, schema, opt)

    @property
    def players(self) -> Mapping[str, nn.Module]:
        found: dict[str, nn.Module] = {"generator": self.generator}
        if self.critic is not None and self.heads is not None:
            found["critic"] = nn.ModuleList([self.critic, self.heads])
        return found

    def turns(self, draw: Draw, step: int) -> Iterator[Turn]:
        if self.critic is not None:
            for _ in range(self.options.n_critic - 1):
                x, condition, known, given = self._read(draw())
                with torch.no_grad():
                    fake, *others = self._projected(self._make_all(condition, given), given)
                yield from self._critic_turn(x, (fake,), condition, known, given, others)
        x, condition, known, given = self._read(draw())
        made, remake = recorded(self._make_all, condition, given)
        fakes = self._projected(made, given)
        yield from self._critic_turn(x, fakes[:1], condition, known, given, fakes[1:])
        told, again = recorded(self._generator_losses, x, made, fakes, condition, given)
        total, residuals, logs = told

        def replay() -> tuple[Loss, ...]:
            made = remake(condition, given)
            value = again(x, made, self._projected(made, given), condition, given)[0]
            return (Loss(value, ("generator",)),)

        yield Turn((Loss(total, ("generator",)),), ("generator",), logs, replay)
        if residuals:
            self.multipliers.update(residuals)

    def _make(self, condition: Tensor, given: TensorDict) -> TensorDict:
        z = torch.randn(len(condition), self.options.latent_dim, device=condition.device)
        return self.generator(z, condition, given)

    def _make_all(self, condition: Tensor, given: TensorDict) -> list[TensorDict]:
        """As many independent samples as the objective reads."""
        return [self._make(condition, given) for _ in range(self.objective.fakes)]

    def _projected(self, made: Sequence[TensorDict], given: TensorDict) -> list[TensorDict]:
        return [self._project(sample, given) for sample in made]

    def _generator_losses(
        self,
        x: TensorDict,
        made: Sequence[TensorDict],
        fakes: Sequence[TensorDict],
        condition: Tensor,
        given: TensorDict,
    ) -> tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]:
        """The generator's loss, the laws' residuals, and what to log."""
        against, logs = self._against(x, fakes, condition, given)
        laws, residuals = self._laws(made[0], given)
        logs |= {f"law_{name}": value for name, value in residuals.items()}
        return against + laws, residuals, logs

    def _against(
        self, x: TensorDict, fakes: Sequence[TensorDict], condition: Tensor, given: TensorDict
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The generator's losses against the critic and for the heads, which rest."""
        with self._resting():
            said, *others = (self._judge(fake, condition, given) for fake in fakes)
            real = said
            if self.objective.real_in_generator or self.options.feature:
                with torch.no_grad():
                    real = self._judge(x, condition, given)
            terms = {"adversarial": self.objective.generator_loss(real, said, *others)}
            if self.heads is not None:
                gap = features_of(said).mean(dim=0) - features_of(real).mean(dim=0)
                terms["feature"] = gap.square().mean()
                terms["auxiliary"] = self.heads.loss(features_of(said), condition)
            terms |= self._asked(fakes[0], condition)
            terms |= self._guided(fakes[0], condition, given)
            if self.perceptual is not None:
                terms["perceptual"] = self.perceptual.means(fakes[0], x, given)
        return self._weighed(terms)

    @torch.no_grad()
    def sample(self, condition: Tensor, given: TensorDict) -> TensorDict:
        return self._make(condition, given)
