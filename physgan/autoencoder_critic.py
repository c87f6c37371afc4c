"""A critic that is an autoencoder of whatever a domain's samples hold.

Objectives that play with energies (EBGAN, 1609.03126; BEGAN, 1703.10717; MAGAN, 1704.03817) and
MMD-GAN (1705.08584) need one; this is the one of domains that have none of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import torch
from tensordict import TensorDict
from torch import Tensor, nn
from torch.nn import functional as F

from physgan.domain import Verdict
from physgan.objectives.gather import gather_rows
from physgan.tensors import float_leaves, full_precision

if TYPE_CHECKING:
    from physgan.domain import Domain

OPTIONS = ("width", "feature_dim")
STILL = 1e-3
"""Of a leaf's deviation, below which a column does not vary and is scaled as the leaf is."""


class AutoencodingCritic(nn.Module):
    """``(x, condition (B, C), given) -> Verdict`` of the reconstruction x' of x through a code.

    ``score (B,)`` is the squared error (x' - x)^2 in units of the data's variance, averaged over
    the numbers of each leaf and then over leaves: zero for an exact copy, about one where x' is
    the mean of the data. ``features (B, feature_dim)`` is the code. ``shapes`` has the shape of
    each floating leaf without the batch; ``told`` by integer leaf the number of its values, which
    coder and decoder see besides the condition.

    Means and deviations are those of the first batch that is judged in training, which is of data
    (as Salimans & Kingma, 1602.07868, start their scales): of each number of a leaf ``(B, F)``, of
    all numbers together of other leaves. They are buffers.
    """

    mean: Tensor
    deviation: Tensor
    measured: Tensor

    def __init__(
        self,
        condition_dim: int,
        shapes: Mapping[Any, Sequence[int]],
        *,
        told: Mapping[Any, int] | None = None,
        width: int = 128,
        feature_dim: int = 32,
    ) -> None:
        super().__init__()
        self.feature_dim, self.told = feature_dim, dict(told or {})
        self.shapes = {key: torch.Size(shape) for key, shape in shapes.items()}
        self.sizes = [shape.numel() for shape in self.shapes.values()]
        asked, total = condition_dim + sum(self.told.values()), sum(self.sizes)
        self.code = _layers(total + asked, width, feature_dim)
        self.back = nn.Sequential(nn.LeakyReLU(0.2), _layers(feature_dim + asked, width, total))
        self.register_buffer("mean", torch.zeros(total))
        self.register_buffer("deviation", torch.ones(total))
        self.register_buffer("measured", torch.zeros((), dtype=torch.bool))
        # Beside its buffer, so that no step waits for the accelerator to tell.
        self._measured = False
        self.register_load_state_dict_post_hook(_remember)

    def forward(self, x: TensorDict, condition: Tensor, given: TensorDict) -> Verdict:
        leaves = {key: x[key] for key in self.shapes}
        rows = torch.cat([full_precision(leaf).flatten(1) for leaf in leaves.values()], dim=1)
        if self.training and not self._measured:
            self._measure(rows.detach())
        seen = (rows - self.mean) / self.deviation
        kinds = [F.one_hot(x[key], n).to(condition.dtype) for key, n in self.told.items()]
        asked = torch.cat([condition, *kinds], dim=1)
        features = self.code(torch.cat([seen, asked], dim=1))
        back = self.back(torch.cat([features, asked], dim=1))
        parts = (back - seen).square().split(self.sizes, dim=1)
        error = torch.stack([part.mean(dim=1) for part in parts]).mean(dim=0)
        pieces = (back * self.deviation + self.mean).split(self.sizes, dim=1)
        copied = x.select(*leaves).clone(recurse=False)
        for (key, leaf), piece in zip(leaves.items(), pieces, strict=True):
            copied[key] = piece.reshape(leaf.shape).to(leaf.dtype)
        return Verdict(error, features, copied)

    @torch.no_grad()
    def _measure(self, rows: Tensor) -> None:
        """Take means and deviations from ``rows`` of all processes."""
        means, deviations = [], []
        for part, shape in zip(
            gather_rows(rows).split(self.sizes, dim=1), self.shapes.values(), strict=True
        ):
            mean = part.mean().expand(part.shape[1])
            deviation = part.std(correction=0).expand(part.shape[1])
            if len(shape) == 1:
                mean, own = part.mean(dim=0), part.std(dim=0, correction=0)
                deviation = torch.where(own > STILL * deviation, own, deviation)
            means.append(mean)
            deviations.append(torch.where(deviation > 0, deviation, torch.ones_like(deviation)))
        self.mean.copy_(torch.cat(means))
        self.deviation.copy_(torch.cat(deviations))
        self.measured.fill_(True)
        self._measured = True


def plain_autoencoder(
    domain: Domain, condition_dim: int, told: Mapping[Any, int] | None = None, **options: Any
) -> AutoencodingCritic:
    """The critic for the samples of ``domain``'s generator; torch's random state is left as it is
    found but for the critic's own start. Of ``options`` it takes its own: the others are those of
    the domain's other critic."""
    kept = {name: options[name] for name in OPTIONS if name in options}
    return AutoencodingCritic(condition_dim, shapes_of(domain), told=told, **kept)


@torch.no_grad()
def shapes_of(domain: Domain) -> dict[Any, torch.Size]:
    """The shape of each floating leaf of a sample of ``domain``, without the batch."""
    from physgan.conditions import ConditionSchema

    with torch.random.fork_rng(devices=[]):
        schema = ConditionSchema(domain.properties)
        condition, given = domain.ordinary(schema, 2)
        generator = domain.generator(schema.dim).eval()
        made = generator(torch.zeros(2, generator.latent_dim), condition, given)
    return {key: leaf.shape[1:] for key, leaf in float_leaves(made).items()}


def _layers(inputs: int, width: int, outputs: int) -> nn.Sequential:
    steps: list[nn.Module] = []
    for a, b in pairwise((inputs, width, width)):
        steps += [nn.Linear(a, b), nn.LeakyReLU(0.2)]
    return nn.Sequential(*steps, nn.Linear(width, outputs))


def _remember(critic: AutoencodingCritic, _: Any) -> None:
    critic._measured = bool(critic.measured)
