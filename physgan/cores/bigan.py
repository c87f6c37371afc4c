"""BiGAN: a generator and its inverse in one game (1605.09782; adversarially learned inference,
1606.00704).

The critic sees a sample together with its latent. Encoded data (x, E(x)) are real, decoded noise
(G(z), z) fake; encoder and generator minimise the objective's ``makers_loss`` of both, so each sees
the gradient of its own pair. At the optimum both joint distributions are one and E(G(z)) = z. The
latent enters the domain's critic as a part of its condition.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from physgan import objectives, regularizers
from physgan.conditions import ConditionSchema
from physgan.cores.adversarial import read_options
from physgan.cores.base import Core, Draw, Loss, Turn, resting
from physgan.domain import Domain, Verdict
from physgan.errors import InputError
from physgan.regularizers import Lazy


@dataclass(frozen=True)
class BiGANOptions:
    """``recover`` weighs |E(G(z)) - z|^2, which the joint game alone reaches slowly. ``network``
    are options of encoder and generator. Laws are left to the other cores."""

    objective: str = "non-saturating"
    objective_constants: dict[str, Any] = field(default_factory=dict)
    regularizer: str = "r1"
    regularizer_constants: dict[str, Any] = field(default_factory=dict)
    regularizer_interval: int = 8
    latent_dim: int = 32
    condition_drop: float = 0.2
    recover: float = 0.0
    network: dict[str, Any] = field(default_factory=dict)
    critic_network: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class _Joint:
    """What a regulariser asks of a domain, for samples beside their latents."""

    domain: Domain

    def augment(self, pair: TensorDict) -> TensorDict:
        changed = self.domain.augment(pair["x"])
        return TensorDict({"x": changed, "z": pair["z"]}, pair.batch_size)


class BiGAN(Core):
    """See the module's docstring; ``options`` are fields of BiGANOptions."""

    averaged = ("generator", "encoder")

    def __init__(self, domain: Domain, schema: ConditionSchema, **options: Any) -> None:
        super().__init__()
        self.options = opt = read_options(BiGANOptions, "BiGAN", options)
        self.schema = schema
        network = {"latent_dim": opt.latent_dim, **opt.network}
        self.generator = domain.generator(schema.dim, **network)
        self.encoder = domain.encoder(schema.dim, **network)
        self.joint_critic = domain.critic(schema.dim + opt.latent_dim, **opt.critic_network)
        self.objective = objectives.build(opt.objective, **opt.objective_constants)
        if not self.objective.two_sided:
            raise InputError(
                f"the objective {opt.objective!r} says nothing of pairs that are both made, which "
                "a BiGAN plays with",
                fix="choose one without an autoencoder that compares one real with one fake batch, "
                "such as non-saturating, rpgan or wgan",
            )
        regularizer = regularizers.build(opt.regularizer, **opt.regularizer_constants)
        joint: Any = _Joint(domain)
        self.regularizer = Lazy(regularizer.bind(joint), opt.regularizer_interval)
        self.projections = [p for p in domain.projections() if p.differentiable]

    @property
    def hparams(self) -> dict[str, Any]:
        """What rebuilds this core."""
        return asdict(self.options)

    @property
    def players(self) -> Mapping[str, nn.Module]:
        return {"generator": self.generator, "encoder": self.encoder, "critic": self.joint_critic}

    def turns(self, draw: Draw, step: int) -> Iterator[Turn]:
        batch = draw()
        given, known = batch["given"], self.schema(batch["y"])
        condition = self.schema.drop(known, self.options.condition_drop)
        real = self._joint(batch["x"], self._encode(batch["x"], condition, given))
        z = torch.randn_like(real["z"])
        fake = self._joint(self._make(z, condition, given), z)

        said = [self._judge(pair.detach(), condition, given) for pair in (real, fake)]
        loss = self.objective.critic_loss(*said)
        penalty = self.regularizer(
            lambda pair: self.objective.witness(self._judge(pair, condition, given), *said),
            real.detach(),
            fake.detach(),
        )
        logs = {"critic": loss.detach()}
        total = loss if penalty is None else loss + penalty
        yield Turn((Loss(total, ("critic",)),), ("critic",), logs)
        with torch.no_grad():
            self.objective.after_critic_step(self.joint_critic, *said)

        with resting(self.joint_critic):
            said = [self._judge(pair, condition, given) for pair in (real, fake)]
            against = self.objective.makers_loss(*said)
        logs = {"adversarial": against.detach()}
        if self.options.recover:
            again = self.encoder(fake["x"], condition, given)[0]
            recovered = (again - z).square().mean()
            against = against + self.options.recover * recovered
            logs["recover"] = recovered.detach()
        movers = ("generator", "encoder")
        yield Turn((Loss(against, movers),), movers, logs)

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

    def _judge(self, pair: TensorDict, condition: Tensor, given: TensorDict) -> Verdict:
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
