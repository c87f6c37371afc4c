"""Critics of samples beside their latents, made of a domain's critics of samples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from physgan.autoencoder_critic import OPTIONS, AutoencodingCritic, shapes_of
from physgan.cores.criticism import prepared
from physgan.domain import Domain, Verdict
from physgan.objectives.base import features_of


class JointCritic(nn.Module):
    """``(x, [condition, z] (B, C + Z), given) -> Verdict`` of the pair (x, z).

    ``critic`` is a domain's, to which z is a part of the condition. Many see a condition by a
    projection, in which the score is linear in z, and their features say nothing of it: here h,
    plain layers on the features beside z, is added to the score and stands for the features.
    """

    def __init__(self, critic: nn.Module, latent_dim: int, hidden: int = 64) -> None:
        super().__init__()
        self.critic, self.latent_dim, self.feature_dim = critic, latent_dim, hidden
        width: Any = critic.feature_dim
        self.both = nn.Sequential(
            nn.Linear(width + latent_dim, hidden), nn.SiLU(), nn.Linear(hidden, hidden), nn.SiLU()
        )
        self.score = nn.Linear(hidden, 1)

    def prepare(self, x: TensorDict) -> TensorDict:
        """``x`` in the units of the domain's critic."""
        return prepared(self.critic, x)

    def forward(self, x: TensorDict, condition: Tensor, given: TensorDict) -> Verdict:
        said: Verdict = self.critic(x, condition, given)
        z = condition[:, condition.shape[1] - self.latent_dim :]
        features = self.both(torch.cat([features_of(said), z], dim=1))
        return Verdict(said.score + self.score(features)[:, 0], features)


class JointAutoencoder(nn.Module):
    """``(x, [condition, z], given) -> Verdict`` whose score is the energy of the pair: the error
    of plain layers that code and reconstruct both x and z (``AutoencodingCritic``).

    ``options`` are those of a critic network, of which it takes its own; what the domain's own
    autoencoder is told of integer leaves, this one is told too.
    """

    def __init__(
        self, domain: Domain, condition_dim: int, latent_dim: int, options: Mapping[str, Any]
    ) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        shapes = {("x", *_path(key)): shape for key, shape in shapes_of(domain).items()}
        shapes["z",] = torch.Size([latent_dim])
        own = getattr(domain.autoencoder_critic(condition_dim, **options), "told", {})
        told = {("x", *_path(key)): count for key, count in own.items()}
        kept = {name: options[name] for name in OPTIONS if name in options}
        self.critic = AutoencodingCritic(condition_dim, shapes, told=told, **kept)
        self.feature_dim = self.critic.feature_dim

    def forward(self, x: TensorDict, condition: Tensor, given: TensorDict) -> Verdict:
        condition, z = condition.tensor_split([condition.shape[1] - self.latent_dim], dim=1)
        return self.critic(TensorDict({"x": x, "z": z}, x.batch_size), condition, given)


def _path(key: Any) -> tuple[str, ...]:
    return key if isinstance(key, tuple) else (key,)
