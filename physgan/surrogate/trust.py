"""How far a rollout can be trusted: the spread of an ensemble, calibrated on held-out sequences.

The members of an ensemble differ by their noise, or by the runs that trained them. Of a watched
quantity q with mean m(t) and deviation s(t) over members, the band is m(t) +- f (s(t) + b |m(t)|).
The factor f is the level's quantile of |q - m| / (s + b |m|) over held-out sequences and times
(normalised conformal scores, Lei et al. 2018, 1604.04173): on average over a sequence, bands of
90 % cover 90 %. The share b keeps a spread of nearly nothing from being taken at its word
(Papadopoulos et al., ECML 2002); of a few it is the one of the narrowest bands.
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

SHARES = (0.0, 0.003, 0.01, 0.03)
"""Of the mean, that may be added to a spread."""


@dataclass(frozen=True)
class Band:
    """A quantity over ``times (T,)``: ``mean (T,)`` and ``spread (T,)``, one deviation of the
    members."""

    times: np.ndarray
    mean: np.ndarray
    spread: np.ndarray


@dataclass(frozen=True)
class Calibration:
    """``factors`` and ``shares`` of the mean by quantity make bands of ``level``; ``longest`` is
    the time that held-out sequences reach; ``sequences`` is their number, ``coverage`` what the
    bands covered on others."""

    level: float
    factors: dict[str, float]
    shares: dict[str, float]
    longest: float
    sequences: int
    coverage: dict[str, float]

    def half(self, name: str, band: Band) -> np.ndarray | None:
        """Half the width of the ``band`` of the quantity ``name``, None where none is known."""
        if name not in self.factors:
            return None
        return self.factors[name] * _scale(band.spread, band.mean, self.shares[name])

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
    seen = [_errors(surrogates, domain, t, members, seed + i) for i, t in enumerate(truths)]
    factors, shares, coverage = {}, {}, {}
    for name in seen[0]:
        fitted, others = (
            np.concatenate([e[name] for e in part]) for part in (seen[::2], seen[1::2])
        )
        best = narrowest(fitted, level) if fitted[:, 1:2].any() else None
        if best is None:
            continue
        factors[name], shares[name] = best
        inside = _scores(others, shares[name]) <= factors[name]
        coverage[name] = float(inside.mean()) if len(others) else math.nan
    if not factors:
        raise InputError(
            "the members of the ensemble do not differ", fix="train several runs, or with noise"
        )
    longest = max(float(t.times[-1]) for t in truths)
    return Calibration(level, factors, shares, longest, len(truths), coverage)


def horizon(
    found: Mapping[str, Band],
    trajectories: Sequence[Trajectory],
    calibration: Calibration | None,
    *,
    bound: float = 0.2,
) -> Horizon:
    """The first time when the half width of a band exceeds ``bound`` of its mean, when a law's
    residual exceeds its tolerance, or from which no held-out sequence has told of."""
    best = Horizon(math.inf)
    if calibration and calibration.longest < max(float(b.times[-1]) for b in found.values()):
        best = Horizon(calibration.longest, "no held-out sequence goes further")
    for name, band in found.items():
        half = calibration.half(name, band) if calibration else None
        if half is not None:
            wide = half > bound * np.abs(band.mean)
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


def narrowest(errors: np.ndarray, level: float) -> tuple[float, float] | None:
    """The factor and the share of the narrowest bands of ``level`` for ``errors (n, 3)``: gaps,
    spreads and means. None where no band of finite width has the level."""
    rank = min(1.0, level * (1 + 1 / len(errors)))
    found = []
    for share in SHARES:
        factor = float(np.quantile(_scores(errors, share), rank, method="higher"))
        if math.isfinite(factor):
            width = factor * _scale(errors[:, 1], errors[:, 2], share)
            found.append((float(np.mean(width)), factor, share))
    return min(found)[1:] if found else None


def _scale(spread: np.ndarray, mean: np.ndarray, share: float) -> np.ndarray:
    return spread + share * np.abs(mean)


def _scores(errors: np.ndarray, share: float) -> np.ndarray:
    gap, scale = errors[:, 0], _scale(errors[:, 1], errors[:, 2], share)
    return np.divide(gap, scale, out=np.full_like(gap, np.inf), where=scale > 0)


def _errors(
    surrogates: Sequence[Surrogate], domain: SequenceDomain, truth: Truth, members: int, seed: int
) -> dict[str, np.ndarray]:
    """|truth - mean|, spread and mean of each quantity at the times of ``truth`` but the first,
    ``(T - 1, 3)``; residuals are left out, as their tolerances judge them."""
    y = {name: torch.tensor([value]) for name, value in truth.y.items()}
    start, longest = truth.states[:1], float(truth.times[-1])
    made = ensemble(surrogates, domain, start, y, members, duration=longest, force=True, seed=seed)
    found = bands(made)
    row = [domain.watch(truth.states[k : k + 1], None, y, None) for k in range(len(truth.times))]
    errors = {}
    for name, band in found.items():
        if made[0].watched[name].is_residual:
            continue
        real = np.array([float(seen[name].value) for seen in row])
        inside = (truth.times > 0) & (truth.times <= band.times[-1] * (1 + 1e-9))
        mean, spread = (
            np.interp(truth.times[inside], band.times, part) for part in (band.mean, band.spread)
        )
        errors[name] = np.stack([np.abs(real[inside] - mean), spread, mean], axis=1)
    return errors
