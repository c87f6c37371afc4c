"""BiGAN: a generator and its inverse in one game (1605.09782; adversarially learned inference,
1606.00704).

The critic sees a sample together with its latent. Encoded data (x, E(x)) are real, decoded noise
(G(z), z) fake; encoder and generator minimise the objective's ``makers_loss`` of both, so each sees
the gradient of its own pair. At the optimum both joint distributions are one and E(G(z)) = z.

An objective that measures how far two batches are from each other (a kernel's, an energy distance)
has no two sides to exchange: each maker then minimises the generator's loss with the other's pairs,
at rest, in the place of the data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from physgan import regularizers
from physgan.conditions import ConditionSchema
from physgan.cores.base import Core, Draw, Loss, Turn, resting
from physgan.cores.criticism import Criticism, CriticOptions, data_features, prepared
from physgan.cores.joint import JointAutoencoder, JointCritic
from physgan.cores.ranges import Count, Share, Weight
from physgan.cores.reading import read_options
from physgan.cores.replay import recorded
from physgan.domain import Domain, Verdict


@dataclass(frozen=True)
class BiGANOptions(CriticOptions):
    """``recover`` weighs |E(G(z)) - z|^2, which the joint game alone reaches slowly. ``network``
    are options of encoder and generator. An augmentation changes samples, never their latents. Laws
    are left to the other cores."""

    latent_dim: Count = 32
    condition_drop: Share = 0.2
    recover: Weight = 0.0
    network: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Joint:
    """What regularisers and augmentations ask of a domain, for samples beside their latents."""

    domain: Domain

    def augment(self, pair: TensorDict) -> TensorDict:
        changed = self.domain.augment(pair["x"])
        return TensorDict({"x": changed, "z": pair["z"]}, pair.batch_size)


class BiGAN(Criticism, Core):
    """See the module's docstring; ``options`` are fields of BiGANOptions."""

    title, kind = "BiGAN", BiGANOptions
    averaged = ("generator", "encoder")

    def __init__(self, domain: Domain, schema: ConditionSchema, **options: Any) -> None:
        super().__init__()
        self.options = opt = read_options(self.kind, self.title, options)
        self.schema = schema
        network = {"latent_dim": opt.latent_dim, **opt.network}
        self.generator = domain.generator(schema.dim, **network)
        self.encoder = domain.encoder(schema.dim, **network)
        self._judge_by(_Joint(domain), opt)
        self.joint_critic: nn.Module | None = None
        dim, width = schema.dim, opt.latent_dim
        if self.objective.autoencoding:
            self.joint_critic = JointAutoencoder(domain, dim, width, opt.critic_network)
        elif self.objective.needs_critic:
            critic = domain.critic(dim + width, **opt.critic_network)
            self.joint_critic = JointCritic(critic, width)
        if self.joint_critic is not None and opt.spectral_norm:
            regularizers.apply_spectral_norm(self.joint_critic)
        self.projections = [p for p in domain.projections() if p.differentiable]

    @property
    def hparams(self) -> dict[str, Any]:
        """What rebuilds this core."""
        return asdict(self.options)

    @property
    def players(self) -> Mapping[str, nn.Module]:
        makers = {"generator": self.generator, "encoder": self.encoder}
        return makers if self.joint_critic is None else {**makers, "critic": self.joint_critic}

    def turns(self, draw: Draw, step: int) -> Iterator[Turn]:
        for _ in range(self.options.n_critic - 1 if self.joint_critic is not None else 0):
            with torch.no_grad():
                pairs = self._pairs(draw())
            yield from self._critic_turn(*pairs)
        batch = draw()
        pairs, repair = recorded(self._pairs, batch)
        yield from self._critic_turn(*pairs)
        told, again = recorded(self._makers_losses, *pairs)

        def replay() -> tuple[Loss, ...]:
            return (again(*repair(batch))[0],)

        yield Turn((told[0],), told[0].players, told[1], replay)

    def rehearse(self, batch: TensorDict) -> None:
        x = batch["x"]
        self.rehearse_on(self._seen(self._joint(x, torch.zeros(len(x), self.options.latent_dim))))

    def _makers_losses(
        self, real: TensorDict, fake: TensorDict, condition: Tensor, given: TensorDict
    ) -> tuple[Loss, dict[str, Tensor]]:
        """What generator and encoder minimise, and what to log."""
        with resting(*([] if self.joint_critic is None else [self.joint_critic])):
            said = [self._judge(self._seen(pair), condition, given) for pair in (real, fake)]
            against = self._makers_loss(*said)
        logs = {"adversarial": against.detach()}
        if self.options.recover:
            again = self.encoder(fake["x"], condition, given)[0]
            recovered = (again - fake["z"]).square().mean()
            against = against + self.options.recover * recovered
            logs["recover"] = recovered.detach()
        return Loss(against, ("generator", "encoder")), logs

    def _pairs(self, batch: TensorDict) -> tuple[TensorDict, TensorDict, Tensor, TensorDict]:
        """(x, E(x)) and (G(z), z), the condition with some properties forgotten, what is given."""
        given, known = batch["given"], self.schema(batch["y"])
        condition = self.schema.drop(known, self.options.condition_drop)
        real = self._joint(batch["x"], self._encode(batch["x"], condition, given))
        z = torch.randn_like(real["z"])
        return real, self._joint(self._make(z, condition, given), z), condition, given

    def _critic_turn(
        self, real: TensorDict, fake: TensorDict, condition: Tensor, given: TensorDict
    ) -> Iterator[Turn]:
        if self.joint_critic is None:
            return
        pairs = [self._seen(pair.detach()) for pair in (real, fake)]
        told, again = recorded(self._critic_losses, *pairs, condition, given)
        total, said, logs = told

        def replay() -> tuple[Loss, ...]:
            self.regularizer.rewind()
            return (Loss(again(*pairs, condition, given)[0], ("critic",)),)

        yield Turn((Loss(total, ("critic",)),), ("critic",), logs, replay)
        self._after_critic_step(self.joint_critic, *said)

    def _critic_losses(
        self, real: TensorDict, fake: TensorDict, condition: Tensor, given: TensorDict
    ) -> tuple[Tensor, tuple[Verdict, ...], dict[str, Tensor]]:
        """The critic's loss, the verdicts that move the objective's state, and what to log."""
        judged = [self._judge(pair, condition, given) for pair in (real, fake)]
        said = (judged[0], *self.fakes(judged[1]))
        loss = self.objective.critic_loss(*said)
        penalty = self.regularizer(
            lambda pair: self.objective.witness(self._judge(pair, condition, given), *said),
            real,
            fake,
        )
        total = loss if penalty is None else loss + penalty
        return total, said, {"critic": loss.detach()}

    def _makers_loss(self, real: Verdict, fake: Verdict) -> Tensor:
        objective = self.objective
        if objective.two_sided or not objective.real_in_generator:
            return objective.makers_loss(real, fake)
        ways = ((real, fake), (fake, real))
        losses = [objective.generator_loss(_still(data), *self.fakes(made)) for data, made in ways]
        return torch.stack(losses).sum()

    def _encode(self, x: TensorDict, condition: Tensor, given: TensorDict) -> Tensor:
        mean, log_variance = self.encoder(x, condition, given)
        return mean + (0.5 * log_variance).exp() * torch.randn_like(mean)

    def _make(self, z: Tensor, condition: Tensor, given: TensorDict) -> TensorDict:
        x = self.generator(z, condition, given)
        for projection in self.projections:
            x = projection.function(x, given)
        return x

    def _joint(self, x: TensorDict, z: Tensor) -> TensorDict:
        return TensorDict({"x": x, "z": z}, x.batch_size)

    def _seen(self, pair: TensorDict) -> TensorDict:
        """``pair`` with its sample in the units in which the critic sees it."""
        return self._joint(prepared(self.joint_critic, pair["x"]), pair["z"])

    def _judge(self, pair: TensorDict, condition: Tensor, given: TensorDict) -> Verdict:
        """What the critic says of ``pair``, which is augmented in the units given."""
        if self.joint_critic is None:
            return data_features(pair, condition)
        pair = self._augmented(pair)
        return self.joint_critic(pair["x"], torch.cat([condition, pair["z"]], dim=1), given)

    @torch.no_grad()
    def sample(self, condition: Tensor, given: TensorDict) -> TensorDict:
        z = torch.randn(len(condition), self.options.latent_dim, device=condition.device)
        return self.generator(z, condition, given)

    @torch.no_grad()
    def validation_loss(self, batch: TensorDict) -> dict[str, Tensor]:
        """How far E(G(z)) is from z, the mean square in units of the prior's variance."""
        given, condition = batch["given"], self.schema(batch["y"])
        z = torch.randn(len(condition), self.options.latent_dim, device=condition.device)
        again = self.encoder(self._make(z, condition, given), condition, given)[0]
        return {"recover": (again - z).square().mean()}

    def report(self) -> dict[str, float]:
        return self._criticism_report()


def _still(verdict: Verdict) -> Verdict:
    """``verdict`` off the graph."""
    parts = (verdict.score, verdict.features, verdict.reconstruction)
    return Verdict(*(None if part is None else part.detach() for part in parts))  # type: ignore
