"""The words of the contract between domains and the framework: what a sample has, what a critic
says, a law and the map that makes it hold, an oracle, a generator, a data set."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tensordict import TensorDict
from torch import Tensor, nn


@dataclass(frozen=True)
class Property:
    """A quantity that a sample has and a user may ask for.

    ``classes`` is None for a continuous property. ``exact`` computes the property from a sample,
    ``x -> (B,)``, where no predictor is needed (density, slope); ``differentiable`` says that its
    gradients reach ``x``, so that a generator can be asked for it directly. ``log`` is for
    quantities above zero that span decades: conditions hold their logarithm, of the value plus
    ``shift`` where zero occurs. With ``bins``, conditions also say in which of so many quantile
    bins the value is, which helps where the data have several modes.
    """

    name: str
    unit: str = ""
    classes: tuple[str, ...] | None = None
    exact: Callable[[TensorDict], Tensor] | None = None
    differentiable: bool = False
    log: bool = False
    shift: float = 0.0
    bins: int = 0

    @property
    def is_exact(self) -> bool:
        return self.exact is not None


@dataclass(frozen=True)
class Verdict:
    """What a critic says of a batch: ``score (B,)``, ``features (B, F)``, a reconstruction of x.

    An autoencoding critic (EBGAN) returns ``reconstruction``; moment objectives read ``features``.
    """

    score: Tensor
    features: Tensor | None = None
    reconstruction: TensorDict | None = None


@dataclass(frozen=True)
class Penalty:
    """A law as a differentiable residual: ``function(x, given) -> (B,)``, >= 0, zero iff it holds.

    ``tolerance`` is the mean residual, in ``unit``, that the user accepts; weights are found by
    the augmented Lagrangian, never stated.
    """

    name: str
    unit: str
    tolerance: float
    function: Callable[[TensorDict, TensorDict], Tensor]


@dataclass(frozen=True)
class Projection:
    """A map after which a law holds exactly: ``function(x, given) -> x`` of the same shapes.

    ``law`` names the penalty that is zero afterwards, "" for one that serves what was asked: of
    samples that were drawn under conditions, ``given["asked"]`` has by property what was asked of
    each (NaN, or class -1, for nothing). All run, in their order, on the samples that are
    proposed; a ``differentiable`` one runs inside training too, where nothing is asked.
    """

    name: str
    law: str
    function: Callable[[TensorDict, TensorDict], TensorDict]
    differentiable: bool = True


class Oracle(ABC):
    """An independent judge that training never sees (a potential, a measured landscape).

    One that is ``counted`` keeps account of what it was asked: it is asked in this process, never
    in copies of it.
    """

    name: str
    properties: tuple[str, ...] = ()
    counted: bool = False

    @abstractmethod
    def judge(self, samples: Sequence[Any]) -> list[dict[str, Any]]:
        """One row of figures for each native sample; a failed row carries ``error``."""


class Generator(nn.Module, ABC):
    """Latent and condition to sample, as a distribution that can be sampled and scored.

    ``latent_dim`` is Z; every implementation sets it.
    """

    latent_dim: int

    @abstractmethod
    def forward(self, z: Tensor, condition: Tensor, given: TensorDict) -> TensorDict:
        """Draw one sample x per row of ``z (B, Z)``, ``condition (B, C)``, reparametrised."""

    @abstractmethod
    def nll(
        self, x: TensorDict, z: Tensor, condition: Tensor, given: TensorDict
    ) -> dict[str, Tensor]:
        """Negative log-likelihood of ``x`` under the decoder, by term, each ``(B,)`` in nats."""

    @abstractmethod
    def reconstruct(
        self, x: TensorDict, z: Tensor, condition: Tensor, given: TensorDict
    ) -> TensorDict:
        """Draw x~ from p(. | z) that shares what of ``x`` is not differentiable (a template)."""


@dataclass(frozen=True)
class Data:
    """A data set on the user's terms: one TensorDict, and what was refused with its reason.

    With ``weights (N,)``, training draws rows with these probabilities, classes evenly for one.
    """

    batch: TensorDict
    ids: Sequence[str]
    refused: Sequence[tuple[str, str]] = ()
    context: Mapping[str, Any] = field(default_factory=dict)
    weights: Tensor | None = None

    def __len__(self) -> int:
        return int(self.batch.batch_size[0])
