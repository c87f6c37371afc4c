"""One domain's samples made into another's: what the cores that translate put between two sides."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from physgan.domain import Domain, Generator


class Translator(nn.Module):
    """``(x, given, target_given, z (B, Z)) -> x of the target``.

    A generator of the target, which ``build`` makes for a width of conditions, under the features
    that the source's predictor network reads, at a latent of its own width that z is mapped to: it
    works for any two domains. Features are of mean 0 and deviation 1 in a row, and nothing else: a
    domain whose generator takes conditions for more (a one-hot), or that can do better, overrides
    ``Domain.translator``.
    """

    def __init__(self, source: Domain, build: Callable[[int], Generator], latent_dim: int) -> None:
        super().__init__()
        self.reader = source.predictor()
        width = int(self.reader.feature_dim)  # type: ignore[arg-type]
        self.norm = nn.LayerNorm(width)
        self.generator = build(width)
        self.lift = nn.Linear(latent_dim, self.generator.latent_dim)

    def forward(
        self, x: TensorDict, given: TensorDict, target_given: TensorDict, z: Tensor
    ) -> TensorDict:
        return self.generator(self.lift(z), self.norm(self.reader(x, given)), target_given)


class LatentEncoder(nn.Module):
    """What a pair of samples leaves unsaid: ``(x_a, given_a, x_b, given_b) -> z (B, Z)``."""

    def __init__(self, a: Domain, b: Domain, latent_dim: int, hidden: int = 128) -> None:
        super().__init__()
        self.readers = nn.ModuleList([a.predictor(), b.predictor()])
        width = sum(int(reader.feature_dim) for reader in self.readers)  # type: ignore[arg-type]
        self.head = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, hidden), nn.SiLU(), nn.Linear(hidden, latent_dim)
        )

    def forward(
        self, x_a: TensorDict, given_a: TensorDict, x_b: TensorDict, given_b: TensorDict
    ) -> Tensor:
        read = [self.readers[0](x_a, given_a), self.readers[1](x_b, given_b)]
        return self.head(torch.cat(read, dim=1))


def translator(source: Domain, target: Domain, latent_dim: int, **network: Any) -> nn.Module:
    """The target's own translator from ``source``, else ``Translator``."""
    own = target.translator(source, latent_dim, **network)
    if own is not None:
        return own
    return Translator(source, partial(target.generator, **network), latent_dim)
