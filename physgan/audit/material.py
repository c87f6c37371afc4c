"""What an audit looks at: samples, the data they should resemble, and the critic between them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tensordict import TensorDict
from torch import Tensor, nn

from physgan.domain import Domain, Verdict
from physgan.errors import InputError
from physgan.objectives import Objective
from physgan.run import Run
from physgan.training.folder import FINGERPRINTS

OF_CRITIC = frozenset({
    "n_critic", "critic_network", "regularizer", "regularizer_constants", "regularizer_interval",
    "augmentation", "augmentation_constants", "spectral_norm", "feature", "auxiliary",
})  # fmt: skip
"""Options that do nothing where there is no critic."""


@dataclass(frozen=True)
class Rows:
    """A batch: ``x``, ``condition (B, C)`` and ``given``."""

    x: TensorDict
    condition: Tensor
    given: TensorDict

    def __len__(self) -> int:
        return len(self.condition)

    def __getitem__(self, rows: slice | Tensor) -> Rows:
        return Rows(self.x[rows], self.condition[rows], self.given[rows])


@dataclass
class Material:
    """``game`` has the ``objective`` and, where there is one, the ``critic`` of single samples: a
    core, or a side of one. ``real`` is None without data; ``points`` hold fingerprints of fakes and
    of reals ``(n, F)`` where ``domain`` has them; ``notes`` say what could not be had; ``options``
    are those of the core that do something, by name, None where it tells none."""

    game: nn.Module
    domain: Domain
    fake: Rows
    real: Rows | None
    points: tuple[np.ndarray, np.ndarray] | None = None
    notes: list[str] = field(default_factory=list)
    options: Mapping[str, Any] | None = None

    @property
    def critic(self) -> Any:
        """The critic network, or None."""
        return getattr(self.game, "critic", None)

    @property
    def objective(self) -> Any:
        """What the critic plays for."""
        return self.game.objective

    @property
    def readable(self) -> bool:
        """Whether the critic's opinion of one sample can be had: some objectives read it off the
        features of real and generated rows together."""
        return self.real is not None or not self._by_features

    @property
    def _by_features(self) -> bool:
        return type(self.objective).witness is not Objective.witness

    def score(self, rows: Rows) -> Callable[[TensorDict], Tensor]:
        """What tells real from fake, higher for what the critic takes for real, ``x -> (B,)``
        under the conditions of ``rows``."""
        sign = -1.0 if self.objective.autoencoding else 1.0

        def score(x: TensorDict) -> Tensor:
            judged = self.critic(x, rows.condition[: len(x)], rows.given[: len(x)])
            played = self._played(len(x)) if self._by_features else (judged, judged)
            return sign * self.objective.witness(judged, *played)

        return score

    @torch.no_grad()
    def _played(self, size: int) -> tuple[Verdict, ...]:
        """Verdicts on real rows and on as many batches of fakes as the objective compares."""
        assert self.real is not None
        order = [torch.arange(size).roll(n) for n in range(self.objective.fakes)]
        batches = [self.real[:size], *(self.fake[rows] for rows in order)]
        return tuple(self.critic(b.x, b.condition, b.given) for b in batches)

    @torch.no_grad()
    def deviations(self, rows: Rows) -> tuple[float, float]:
        """How much the score of ``rows`` varies: with the sample under one and the same condition
        (by samples exchanged between conditions), and in all."""
        order = torch.arange(len(rows)).roll(1)
        moved = Rows(rows.x[order], rows.condition, rows.given[order])
        own, other = (self.score(part)(part.x) for part in (rows, moved))
        return float((own - other).std() / 2**0.5), float(own.std())


def gather(run: Run, data: Path | None, n: int, seed: int) -> Material:
    """``n`` samples of ``run`` and as many held-out rows of ``data``, by default those of its
    training; what is missing is noted, not refused, except data that were asked for by name."""
    notes: list[str] = []
    condition, given = run.ask(n, seed=seed)
    x = run.sample(n, seed=seed)
    for projection in run.domain.projections():
        if projection.differentiable:
            x = projection.function(x, given)
    real = _real(run, data, n, seed, notes)
    fake = Rows(x, condition, given.exclude("asked"))
    told = options_of(run.core, getattr(run.core, "critic", None))
    found = Material(run.core, run.domain, fake, real, notes=notes, options=told)
    found.points = points_of(found, run.folder / FINGERPRINTS)
    return found


def options_of(core: nn.Module, critic: nn.Module | None) -> Mapping[str, Any] | None:
    """The options of ``core`` of which advice may speak: without a ``critic`` none of its own."""
    hparams: Any = getattr(core, "hparams", None)
    if hparams is None or critic is not None:
        return hparams
    idle = OF_CRITIC | (frozenset() if hparams.get("adversarial", 1) else {"adversarial"})
    return {name: value for name, value in hparams.items() if name not in idle}


def data_path(run: Run, data: Path | None) -> Path | None:
    """``data``, or where the run's own are or were; InputError for ``data`` that do not exist."""
    if data is not None and not data.exists():
        raise InputError("there are no such data", where=str(data))
    return data or (Path(run.config.data) if run.config.data else None)


def _real(run: Run, data: Path | None, n: int, seed: int, notes: list[str]) -> Rows | None:
    path = data_path(run, data)
    if path is not None and not path.exists():
        notes.append(
            f"The data of this run ({path}) are not here: nothing is compared with real samples "
            "but fingerprints. Give them with --data."
        )
        return None
    batch = run.domain.load(path, "val", run.config.properties).batch
    order = torch.randperm(len(batch), generator=torch.Generator().manual_seed(seed))[:n]
    rows = batch[order]
    y = rows["y"].select(*(p.name for p in run.schema.properties), strict=False)
    condition = run.schema(y) if len(list(y.keys())) else run.schema.unknown(len(order))
    return Rows(rows["x"], condition, rows["given"])


def points_of(material: Material, stored: Path) -> tuple[np.ndarray, np.ndarray] | None:
    """Fingerprints of fakes and reals; without data those of the training samples in ``stored``."""
    domain = material.domain
    try:
        fake = fingerprints(domain, material.fake.x)
        if material.real is not None:
            return fake, fingerprints(domain, material.real.x)
    except InputError as error:
        material.notes.append(f"Samples are not compared with the data: {error}.")
        return None
    if not stored.exists():
        return None
    real = np.load(stored, allow_pickle=False).astype(np.float64)
    chosen = np.random.default_rng(0).permutation(len(real))[: len(material.fake)]
    return fake, real[chosen]


def fingerprints(domain: Domain, x: TensorDict) -> np.ndarray:
    """The finite fingerprints ``(m, F)`` of the samples of ``x`` that decode."""
    natives = [sample for sample in domain.decode(x) if sample is not None]
    if not natives:
        raise InputError("no sample decodes")
    points = np.asarray(domain.fingerprint(natives), dtype=np.float64)
    points = points.reshape(len(points), -1)
    return points[np.isfinite(points).all(axis=1)]
