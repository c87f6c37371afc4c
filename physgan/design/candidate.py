"""What a proposal is made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from physgan.conditions import Target
from physgan.domain import Property

STAGES = ("sampled", "decoded", "valid", "unique", "novel", "filtered", "verified")


@dataclass(frozen=True)
class Estimate:
    """A predicted value with its conformal interval.

    For a class ``value`` is its name, ``spread`` the probability that it is wrong, and there is
    no interval.
    """

    value: float | str
    spread: float
    low: float | None = None
    high: float | None = None


@dataclass
class Candidate:
    """One proposed sample and everything that is known of it.

    ``score`` ranks: the distance to the targets in standard deviations of the data, plus half
    the interval's width in the same unit. ``draw`` is its position among the samples of ``seed``.
    ``laws`` are residuals in each law's unit. ``novel`` is None where there was nothing to
    compare with.
    """

    name: str
    label: str
    sample: Any
    seed: int
    draw: int
    rank: int = 0
    score: float = float("nan")
    distance: float = float("nan")
    asked: dict[str, str] = field(default_factory=dict)
    predicted: dict[str, Estimate] = field(default_factory=dict)
    exact: dict[str, float] = field(default_factory=dict)
    oracle: dict[str, Any] = field(default_factory=dict)
    verified: dict[str, Any] = field(default_factory=dict)
    validity: dict[str, bool] = field(default_factory=dict)
    filters: dict[str, bool] = field(default_factory=dict)
    laws: dict[str, float] = field(default_factory=dict)
    novel: bool | None = None
    nearest: float | None = None
    relaxed: Any = None


@dataclass
class Proposals:
    """The ranked candidates of one request and how they came about.

    ``counts`` follow ``STAGES``. ``level`` is that of the intervals. ``percentiles`` are the 101
    training percentiles of each continuous property. ``oracle`` is None where no independent
    judge has seen the candidates.
    """

    domain: str
    targets: tuple[Target, ...]
    candidates: list[Candidate]
    counts: dict[str, int]
    oracle: str | None
    level: float
    properties: tuple[Property, ...] = ()
    percentiles: Mapping[str, Sequence[float]] = field(default_factory=dict)
    tolerances: Mapping[str, tuple[float, str]] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    folder: Path | None = None

    def __len__(self) -> int:
        return len(self.candidates)

    def __iter__(self):
        return iter(self.candidates)

    def __getitem__(self, index: int) -> Candidate:
        return self.candidates[index]
