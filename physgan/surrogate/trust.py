"""How far a rollout can be trusted: the spread of an ensemble, calibrated on held-out sequences.

The members of an ensemble differ by their noise, or by the runs that trained them. Of a watched
quantity q with mean m(t) and deviation s(t) over members, the band is m(t) +- f s(t). The factor f
is the level's quantile of |q - m| / s over held-out sequences and times (normalised conformal
scores, Lei et al. 2018, 1604.04173): on average over a sequence, bands of 90 % cover 90 %.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from tensordict import TensorDict

from physgan.errors import InputError
from physgan.sequences import SequenceDomain, Truth, Values
from physgan.surrogate.rollout import Surrogate, Trajectory, repeated, rollout
from physgan.training.files import write_atomic
from physgan.training.folder import TRUST


@dataclass(frozen=True)
class Band:
    """A quantity over ``times (T,)``: ``mean (T,)`` and ``spread (T,)``, one deviation of the
    members."""

    times: np.ndarray
    mean: np.ndarray
    spread: np.ndarray


@dataclass(frozen=True)
class Calibration:
    """``factors`` by quantity make bands of ``level``; ``longest`` is the time that held-out
    sequences reach; ``sequences`` is their number, ``coverage`` what the bands covered on others.
    """

    level: float
    factors: dict[str, float]
    longest: float
    sequences: int
    coverage: dict[str, float]

    def write(self, folder: Path) -> None:
        """Keep it in a run's folder."""
        write_atomic(folder / TRUST, json.dumps(asdict(self), indent=1).encode())

    @classmethod
    def read(cls, folder: Path) -> Calibration | None:
        """That of the run in ``folder``, None where it has none."""
        path = folder / TRUST
        if not path.exists():
            return None
        try:
            return cls(**json.loads(path.read_text()))
        except (ValueError, TypeError) as error:
            raise InputError(f"this is no calibration: {error}", where=str(path)) from error


@dataclass(frozen=True)
class Horizon:
    """The ``time`` up to which a rollout is to be trusted, infinite if to its end, and why."""

    time: float
    reason: str = ""


def ensemble(
    surrogates: Sequence[Surrogate],
    domain: SequenceDomain,
    start: TensorDict,
    y: Values,
    members: int,
    **options: object,
) -> list[Trajectory]:
    """``members`` rollouts of the one state ``start (1,)``, shared evenly among ``surrogates``,
    one trajectory of several rows for each; ``options`` are those of ``rollout``."""
    if members < len(surrogates):
        raise InputError(f"{members} members of {len(surrogates)} runs", fix="one each at least")
    found = []
    for place, surrogate in enumerate(surrogates):
        share = members // len(surrogates) + (place < members % len(surrogates))
        own = {name: value[:1].expand(share) for name, value in y.items()}
        rows = repeated(start, share)
        found.append(rollout(surrogate, domain, rows, own, **options))  # type: ignore[arg-type]
        if found[-1].ended == "interrupted":
            break
    return found


def bands(trajectories: Sequence[Trajectory]) -> dict[str, Band]:
    """What the members of ``trajectories``, all of one start, say together, at their mean times."""
    length = min(len(t.times) for t in trajectories)
    times = torch.cat([t.times[:length] for t in trajectories], dim=1).numpy()
    grid, found = times.mean(axis=1), {}
    for name in trajectories[0].watched:
        values = torch.cat([t.watched[name].values[:length] for t in trajectories], dim=1).numpy()
        curves = [np.interp(grid, times[:, m], values[:, m]) for m in range(times.shape[1])]
        spread = np.std(curves, axis=0, ddof=1) if len(curves) > 1 else np.zeros(length)
        found[name] = Band(grid, np.mean(curves, axis=0), spread)
    return found


def calibrate(
    surrogates: Sequence[Surrogate],
    domain: SequenceDomain,
    truths: Sequence[Truth],
    *,
    members: int = 8,
    level: float = 0.9,
    seed: int = 0,
) -> Calibration:
    """Fit the factors on every other sequence of ``truths`` and measure coverage on the rest.

    Raises InputError for fewer than two sequences, and where the members do not differ.
    """
    if len(truths) < 2 or not 0 < level < 1:
        raise InputError(f"{len(truths)} sequences, level {level}", fix="two or more, in (0, 1)")
    scores = [_scores(surrogates, domain, t, members, seed + i) for i, t in enumerate(truths)]
    factors, coverage = {}, {}
    for name in scores[0]:
        fitted = np.concatenate([s[name] for s in scores[::2]])
        others = np.concatenate([s[name] for s in scores[1::2]])
        if not len(fitted) or not np.isfinite(fitted).any():
            continue
        rank = min(1.0, level * (1 + 1 / len(fitted)))
        factors[name] = float(np.quantile(fitted, rank, method="higher"))
        coverage[name] = float((others <= factors[name]).mean()) if len(others) else math.nan
    factors = {n: f for n, f in factors.items() if math.isfinite(f)}
    if not factors:
        raise InputError(
            "the members of the ensemble do not differ", fix="train several runs, or with noise"
        )
    longest = max(float(t.times[-1]) for t in truths)
    told = {n: coverage[n] for n in factors}
    return Calibration(level, factors, longest, len(truths), told)


def horizon(
    found: Mapping[str, Band],
    trajectories: Sequence[Trajectory],
    calibration: Calibration | None,
    *,
    bound: float = 0.1,
) -> Horizon:
    """The first time when the half width of a band exceeds ``bound`` of its mean, when a law's
    residual exceeds its tolerance, or from which no held-out sequence has told of."""
    best = Horizon(math.inf)
    if calibration and calibration.longest < max(float(b.times[-1]) for b in found.values()):
        best = Horizon(calibration.longest, "no held-out sequence goes further")
    for name, band in found.items():
        factor = calibration.factors.get(name) if calibration else None
        if factor is not None:
            wide = factor * band.spread > bound * np.abs(band.mean)
            if wide.any() and (time := float(band.times[wide.argmax()])) < best.time:
                best = Horizon(time, f"the band of {name} is wider than {bound:.0%} of its mean")
    for trajectory in trajectories:
        for name, series in trajectory.watched.items():
            if series.residuals is None:
                continue
            broken = ~(series.residuals <= series.tolerance)
            if broken.any():
                first = trajectory.times[1:][broken].min().item()
                if first < best.time:
                    best = Horizon(first, f"{name} breaks its law")
    return best


def _scores(
    surrogates: Sequence[Surrogate], domain: SequenceDomain, truth: Truth, members: int, seed: int
) -> dict[str, np.ndarray]:
    """|truth - mean| / spread of each quantity at the times of ``truth`` but the first; residuals
    are left out, as their tolerances judge them."""
    y = {name: torch.tensor([value]) for name, value in truth.y.items()}
    start, longest = truth.states[:1], float(truth.times[-1])
    made = ensemble(surrogates, domain, start, y, members, duration=longest, force=True, seed=seed)
    found = bands(made)
    row = [domain.watch(truth.states[k : k + 1], None, y, None) for k in range(len(truth.times))]
    scores = {}
    for name, band in found.items():
        if made[0].watched[name].is_residual:
            continue
        real = np.array([float(seen[name].value) for seen in row])
        inside = (truth.times > 0) & (truth.times <= band.times[-1] * (1 + 1e-9))
        mean = np.interp(truth.times[inside], band.times, band.mean)
        spread = np.interp(truth.times[inside], band.times, band.spread)
        gap = np.abs(real[inside] - mean)
        scores[name] = np.divide(gap, spread, out=np.full_like(gap, np.inf), where=spread > 0)
    return scores
