"""How much faster a surrogate is, measured so that the figure can be believed.

All contenders go from the same start to the same end on the same machine with the same threads,
warm, in turns that alternate, one sequence at a time and in a batch. Beside each ratio stand the
errors of the final statistics and the number of runs after which the training has paid.
"""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from physgan.errors import InputError

Contender = Callable[[Any], Any]
"""Goes from a start to the common end; returns the final state that statistics are taken of."""
Statistics = Callable[[Any], Mapping[str, float]]


@dataclass(frozen=True)
class Timing:
    """Seconds for one sequence: the median over repetitions, the least and the greatest, and the
    median of the processor time of all threads."""

    seconds: float
    least: float
    greatest: float
    cpu_seconds: float


@dataclass(frozen=True)
class Row:
    """One contender. ``ratio`` is the baseline's median over its own, from ``ratio_least`` to
    ``ratio_greatest`` over repetitions; ``errors`` are relative to the reference's statistics;
    ``break_even`` runs pay for ``training_seconds``, None where they never do."""

    name: str
    single: Timing
    ratio: float
    ratio_least: float
    ratio_greatest: float
    batch: Timing | None
    batch_ratio: float | None
    statistics: dict[str, float]
    errors: dict[str, float]
    training_seconds: float
    break_even: float | None


@dataclass(frozen=True)
class Speedup:
    """A comparison: against which ``baseline``, whose ``reference`` statistics, on what."""

    baseline: str
    reference: str
    repeats: int
    batch_size: int | None
    machine: dict[str, Any]
    rows: tuple[Row, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    def __getitem__(self, name: str) -> Row:
        return next(row for row in self.rows if row.name == name)

    def __str__(self) -> str:
        lines = [f"against {self.baseline}, {self.machine['threads']} threads"]
        for row in self.rows:
            even = "never" if row.break_even is None else f"{row.break_even:.0f} runs"
            wrong = ", ".join(f"{n} {100 * e:.2g} %" for n, e in row.errors.items())
            lines.append(
                f"{row.name}: {row.single.seconds:.3g} s, {row.ratio:.3g}x "
                f"({row.ratio_least:.3g} to {row.ratio_greatest:.3g}), even after {even}"
                + (f"; error: {wrong}" if wrong else "")
            )
        return "\n".join(lines)


def compare(
    contenders: Mapping[str, Contender],
    start: Any,
    statistics: Statistics,
    *,
    baseline: str,
    reference: str | None = None,
    batch: Any = None,
    batch_size: int | None = None,
    repeats: int = 5,
    training_seconds: Mapping[str, float] | None = None,
    clock: Callable[[], float] = time.perf_counter,
    cpu_clock: Callable[[], float] = time.process_time,
) -> Speedup:
    """Time ``contenders`` from ``start``, and from ``batch``, ``batch_size`` starts at once.

    ``reference`` says whose final statistics errors are relative to, by default the baseline's.
    A contender that has no batch of its own loops over it: its time is that of one after another.
    Raises InputError for a baseline or reference that does not take part.
    """
    reference = reference or baseline
    for name in (baseline, reference, *(training_seconds or {})):
        if name not in contenders:
            raise InputError(f"{name!r} takes no part", fix=f"contenders: {', '.join(contenders)}")
    if repeats < 1 or (batch is None) != (batch_size is None):
        raise InputError("give repeats from 1, and a batch with its size")
    ends = {name: run(start) for name, run in contenders.items()}
    alone = _measure(contenders, start, repeats, clock, cpu_clock)
    many = None
    if batch is not None and batch_size is not None:
        for run in contenders.values():
            run(batch)
        many = _measure(contenders, batch, repeats, clock, cpu_clock)
    found = {name: dict(statistics(end)) for name, end in ends.items()}
    rows = []
    for name in contenders:
        single = _timing(alone[name], 1)
        pairs = [a[0] / b[0] for a, b in zip(alone[baseline], alone[name], strict=True)]
        cost = (training_seconds or {}).get(name, 0.0)
        gain = _timing(alone[baseline], 1).seconds - single.seconds
        together = None if many is None else _timing(many[name], batch_size or 1)
        slow = None if many is None else _timing(many[baseline], batch_size or 1)
        rows.append(
            Row(
                name,
                single,
                _timing(alone[baseline], 1).seconds / single.seconds,
                min(pairs),
                max(pairs),
                together,
                None if together is None or slow is None else slow.seconds / together.seconds,
                found[name],
                _errors(found[name], found[reference]),
                cost,
                cost / gain if gain > 0 else None,
            )
        )
    return Speedup(baseline, reference, repeats, batch_size, machine(), tuple(rows))


def machine() -> dict[str, Any]:
    """What figures depend on: processor, threads, how busy it is, versions."""
    import torch

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    return {
        "processor": _processor(),
        "processors": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 2),
        "accelerator": device,
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def _measure(
    contenders: Mapping[str, Contender],
    start: Any,
    repeats: int,
    clock: Callable[[], float],
    cpu_clock: Callable[[], float],
) -> dict[str, list[tuple[float, float]]]:
    """Wall and processor seconds of each repetition; who goes first changes from one to the
    next."""
    names, times = list(contenders), {name: [] for name in contenders}
    for repeat in range(repeats):
        shift = repeat % len(names)
        for name in names[shift:] + names[:shift]:
            _wait()
            began, cpu = clock(), cpu_clock()
            contenders[name](start)
            _wait()
            times[name].append((clock() - began, cpu_clock() - cpu))
    return times


def _timing(times: Sequence[tuple[float, float]], size: int) -> Timing:
    wall, cpu = ([t[i] / size for t in times] for i in (0, 1))
    return Timing(median(wall), min(wall), max(wall), median(cpu))


def _errors(found: Mapping[str, float], true: Mapping[str, float]) -> dict[str, float]:
    return {n: abs(v - true[n]) / abs(true[n]) for n, v in found.items() if true.get(n)}


def _wait() -> None:
    """Until the accelerator has done what it was told."""
    import torch

    if torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.synchronize()


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            named = [
                line.split(":", 1)[1].strip() for line in file if line.startswith("model name")
            ]
        return named[0] if named else platform.processor()
    except OSError:
        return platform.processor()
