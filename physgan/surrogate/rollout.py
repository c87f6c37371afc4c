"""From an initial state to a trajectory, with the laws watched at each step."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import torch
from tensordict import TensorDict
from torch import Tensor

from physgan.conditions import ConditionSchema, parse_target
from physgan.errors import InputError
from physgan.sequences import SequenceDomain, Values, Watched
from physgan.tensors import float_leaves
from physgan.training import rng
from physgan.training.signals import StopRequest

Ended = Literal["steps", "until", "law", "not finite", "interrupted"]


class Surrogate(Protocol):
    """What goes on from a state: a trained core, or anything else with this method."""

    def advance(
        self, state: TensorDict, y: Values, hidden: Tensor | None = None
    ) -> tuple[TensorDict, Tensor | None]: ...


@dataclass
class Series:
    """A watched quantity over a trajectory: ``values (T, B)``, ``residuals (T-1, B)`` where it is
    a law."""

    unit: str
    tolerance: float
    residual_unit: str
    values: Tensor
    residuals: Tensor | None

    @property
    def is_residual(self) -> bool:
        """Whether the quantity is the residual of its law and nothing besides."""
        return self.residuals is not None and torch.equal(self.values[1:], self.residuals)


@dataclass(frozen=True)
class Until:
    """Stop once ``name`` has come from its first value to ``value`` or past it, in every row."""

    name: str
    value: float

    @classmethod
    def parse(cls, text: str) -> Until:
        """``NAME=VALUE``; InputError for anything else."""
        name, sign, number = (part.strip() for part in text.partition("="))
        try:
            return cls(name, float(number if sign else "no number"))
        except ValueError:
            raise InputError(f"cannot read {text!r}", fix="write NAME=VALUE") from None

    def met(self, first: Tensor, now: Tensor) -> bool:
        """Whether every row of ``now (B,)`` is beyond, seen from ``first (B,)``."""
        return bool(((now - self.value) * (first - self.value) <= 0).all())


@dataclass(frozen=True)
class Trajectory:
    """States ``(B,)`` at ``times (T, B)``, what was watched, and why it ended.

    ``frames`` has the states at the positions ``kept``; the last state is always among them.
    """

    frames: Sequence[TensorDict]
    kept: Sequence[int]
    times: Tensor
    watched: Mapping[str, Series]
    ended: Ended
    message: str = ""

    @property
    def passes(self) -> int:
        """How many passes were made."""
        return len(self.times) - 1

    @property
    def last(self) -> TensorDict:
        """The final state ``(B,)``."""
        return self.frames[-1]


@dataclass
class _Record:
    """What a rollout has seen so far."""

    every: int
    frames: list[TensorDict] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)
    times: list[Tensor] = field(default_factory=list)
    seen: list[dict[str, Watched]] = field(default_factory=list)

    def add(self, state: TensorDict, time: Tensor, watched: dict[str, Watched]) -> None:
        if self.kept and self.kept[-1] % self.every:
            del self.frames[-1], self.kept[-1]
        self.kept.append(len(self.times))
        self.frames.append(state.cpu())
        self.times.append(time)
        self.seen.append(watched)

    def finish(self, ended: Ended, message: str) -> Trajectory:
        series = {}
        for name, last in self.seen[-1].items():
            values = torch.stack([row[name].value.double().cpu() for row in self.seen])
            told = [row[name].residual for row in self.seen[1:]]
            law = [r.double().cpu() for r in told if r is not None]
            residuals = torch.stack(law) if law and len(law) == len(told) else None
            series[name] = Series(last.unit, last.tolerance, last.residual_unit, values, residuals)
        times = torch.stack(self.times)
        return Trajectory(self.frames, self.kept, times, series, ended, message)


@dataclass(frozen=True)
class End:
    """Where a rollout ends: after ``steps`` passes, ``until`` a quantity gets somewhere, or after
    the time ``duration`` in every row, whichever is first."""

    steps: int | None = None
    until: Until | None = None
    duration: float | None = None

    def __post_init__(self) -> None:
        if self.steps is None and self.until is None and self.duration is None:
            raise InputError("the rollout has no end", fix="say how many steps, or until what")

    def reached(self, record: _Record) -> Ended | None:
        """How it has ended by what is in ``record``, None where it goes on."""
        name = self.until.name if self.until else ""
        if self.until and self.until.met(record.seen[0][name].value, record.seen[-1][name].value):
            return "until"
        # A hair's breadth less, as times are sums of rounded steps.
        if self.duration and bool((record.times[-1] >= self.duration * (1 - 1e-6)).all()):
            return "until"
        return "steps" if self.steps is not None and len(record.times) > self.steps else None


def rollout(
    surrogate: Surrogate,
    domain: SequenceDomain,
    start: TensorDict,
    y: Values,
    *,
    steps: int | None = None,
    until: Until | None = None,
    duration: float | None = None,
    force: bool = False,
    seed: int = 0,
    every: int = 1,
    tell: Callable[[int, dict[str, Watched]], None] | None = None,
) -> Trajectory:
    """Go on from ``start (B,)`` under ``y (B,)`` to an End of ``steps``, ``until``, ``duration``.

    A broken law ends it, with a message, unless ``force``d; so does a state that is not finite,
    whatever is forced, and Ctrl-C; what was made until then is kept. One frame in ``every`` is
    kept. ``tell`` hears of each pass. The global random state is left as it was.
    """
    end = End(steps, until, duration)
    with rng.isolated(seed), StopRequest() as stop, torch.no_grad():
        return _go(surrogate, domain, start, y, end, force, every, tell, stop)


def _go(
    surrogate: Surrogate,
    domain: SequenceDomain,
    start: TensorDict,
    y: Values,
    end: End,
    force: bool,
    every: int,
    tell: Callable[[int, dict[str, Watched]], None] | None,
    stop: StopRequest,
) -> Trajectory:
    record, state, hidden = _Record(every), start, None
    time = torch.zeros(len(start), dtype=torch.double)
    first = domain.watch(start, None, y, None)
    if end.until is not None and end.until.name not in first:
        raise InputError(f"{end.until.name!r} is not watched", fix=f"watched: {', '.join(first)}")
    record.add(start, time, first)
    broken = ""
    while (ended := end.reached(record)) is None:
        if stop.asked:
            return record.finish("interrupted", f"stopped after {len(record.times) - 1} passes")
        pace = domain.pace(state, y)
        after, hidden = surrogate.advance(state, pace.y, hidden)
        time = time + pace.elapsed.double().cpu()
        watched = domain.watch(after, state, pace.y, pace.elapsed)
        record.add(after, time, watched)
        state = after
        number = len(record.times) - 1
        if tell is not None:
            tell(number, watched)
        if not all(bool(leaf.isfinite().all()) for leaf in float_leaves(after).values()):
            return record.finish("not finite", f"the state is no longer finite after pass {number}")
        if said := _broken(watched, number):
            if not force:
                return record.finish("law", said)
            broken = broken or said
    return record.finish(ended, broken)


def _broken(watched: Mapping[str, Watched], number: int) -> str:
    """Which law does not hold after the pass, in words; empty where all do."""
    for name, law in watched.items():
        rows = law.broken
        if law.residual is not None and bool(rows.any()):
            row = int(rows.nonzero()[0])
            where = f" (row {row})" if len(rows) > 1 else ""
            unit = f" {law.residual_unit}" if law.residual_unit else ""
            return (
                f"{name} broke its law at pass {number}{where}: the residual is "
                f"{float(law.residual[row]):.3g}{unit}, the tolerance {law.tolerance:.3g}{unit}"
            )
    return ""


def repeated(states: TensorDict, members: int) -> TensorDict:
    """Each of ``states (S,)`` ``members`` times in a row, ``(S * members,)``."""
    rows = torch.arange(len(states)).repeat_interleave(members)
    return states[rows]


def asked(texts: Sequence[str], schema: ConditionSchema, n: int) -> dict[str, Tensor]:
    """``NAME=VALUE`` texts as ``y (n,)``; InputError for an unknown name or no value."""
    found = {}
    for text in texts:
        target = parse_target(text, schema.properties)
        if target.kind not in ("value", "class"):
            raise InputError(f"{text!r} is no value", fix="write NAME=VALUE")
        found[target.name] = torch.full((n,), target.low)
    return found


def beyond(texts: Sequence[str], schema: ConditionSchema) -> list[str]:
    """In words, which of ``NAME=VALUE`` lie outside the training data."""
    found = []
    for target in (parse_target(text, schema.properties) for text in texts):
        if (nearest := schema.outside(target)) is not None:
            found.append(f"{target} is outside the training data, which end near {nearest:g}")
    return found
