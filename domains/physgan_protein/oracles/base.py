"""What every oracle of sequences does besides scoring: count, stop, remember, keep its seed."""

from __future__ import annotations

import csv
import io
import math
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from physgan.errors import InputError, RunError
from physgan.training.files import write_atomic
from physgan.vocabulary import Oracle


class BudgetExhausted(RunError):
    """More was asked than the budget allows; nothing of the batch was scored or counted."""

    def __init__(self, name: str, asked: int, remaining: int, budget: int) -> None:
        self.asked, self.remaining, self.budget = asked, remaining, budget
        super().__init__(
            f"the oracle {name!r} was asked for {asked} more answers, but {remaining} of its "
            f"budget of {budget} are left; ask for fewer or raise the budget"
        )


@dataclass(frozen=True)
class Answer:
    """One counted call: the ``value`` is NaN where the oracle does not know."""

    sequence: str
    value: float
    round: int


class SequenceOracle(Oracle):
    """A judge of sequences that can be called like any scorer: ``oracle(sequences) -> (n,)``.

    A value is a float, higher or lower as the ``property`` has it; NaN means *unknown*, never
    zero. Of a sequence that was asked before, the answer is given again from memory and is not
    counted, nor are repeats within a batch: a call is a distinct sequence, known or not. A batch
    that would pass ``budget`` raises BudgetExhausted before anything is scored. ``log`` has every
    call in its order with the round that asked. ``seed`` is the oracle's own: whatever it draws,
    it draws from that. Inside ``free`` answers are neither counted nor remembered.
    """

    counted = True

    def __init__(
        self, *, budget: int | None = None, seed: int = 0, property: str = "fitness"
    ) -> None:
        if budget is not None and budget < 0:
            raise InputError(f"a budget of {budget} calls", fix="a whole number, 0 or more")
        self.budget, self.seed, self.properties = budget, seed, (property,)
        self.log: list[Answer] = []
        self.round = 0
        self.repeats = 0
        self._memory: dict[str, float] = {}
        self._free = False

    @abstractmethod
    def score(self, sequences: Sequence[str]) -> NDArray[np.floating]:
        """Values ``(n,)`` of distinct sequences, NaN where unknown; called for new ones only."""

    def describe(self, sequence: str, value: float) -> dict[str, Any]:
        """The figures of one answer, or its ``error``."""
        if math.isnan(value):
            return {"error": "unknown to the oracle"}
        return {self.properties[0]: value}

    def settings(self) -> dict[str, Any]:
        """JSON-able values that tell this oracle from others of its class."""
        return {}

    @property
    def calls(self) -> int:
        return len(self.log)

    @property
    def remaining(self) -> int | None:
        """Calls left, None where there is no budget."""
        return None if self.budget is None else max(0, self.budget - self.calls)

    def __call__(self, sequences: Sequence[str]) -> NDArray[np.float64]:
        """Values ``(n,)``; raises BudgetExhausted where the budget allows no such batch."""
        new = [s for s in dict.fromkeys(sequences) if s not in self._memory]
        if self._free:
            return self._free_values(sequences, new)
        if self.budget is not None and len(new) > self.budget - self.calls:
            raise BudgetExhausted(self.name, len(new), self.budget - self.calls, self.budget)
        for sequence, value in zip(new, self._score(new), strict=True):
            self._memory[sequence] = float(value)
            self.log.append(Answer(sequence, float(value), self.round))
        self.repeats += len(sequences) - len(new)
        return np.array([self._memory[s] for s in sequences], dtype=np.float64)

    def judge(self, samples: Sequence[Any]) -> list[dict[str, Any]]:
        """One row per sequence; None in place of a sequence is an error of its row."""
        values = iter(self([s for s in samples if s is not None]))
        return [
            {"error": "no sequence"} if s is None else self.describe(s, float(next(values)))
            for s in samples
        ]

    def next_round(self) -> int:
        """Begin a new round; later calls carry its number, counted from 0."""
        self.round += 1
        return self.round

    @contextmanager
    def free(self) -> Iterator[SequenceOracle]:
        """Answers for the reader of a report, not for a search: neither counted nor kept."""
        before, self._free = self._free, True
        try:
            yield self
        finally:
            self._free = before

    def best(self) -> Answer | None:
        """The highest value that was answered, or None where none is known."""
        known = [answer for answer in self.log if not math.isnan(answer.value)]
        return max(known, key=lambda answer: answer.value, default=None)

    def summary(self) -> dict[str, Any]:
        """JSON-able account; a value that is not finite is None."""
        best = self.best()
        return {
            "oracle": self.name,
            "property": self.properties[0],
            "seed": self.seed,
            "budget": self.budget,
            "calls": self.calls,
            "repeats": self.repeats,
            "rounds": self.round + 1,
            "unknown": sum(math.isnan(answer.value) for answer in self.log),
            "best": best and {"sequence": best.sequence, "value": _finite(best.value)},
            **self.settings(),
        }

    def state(self) -> dict[str, Any]:
        """JSON-able; with ``restore`` a search goes on where it stopped."""
        log = [asdict(a) | {"value": repr(a.value)} for a in self.log]
        return {"log": log, "round": self.round, "repeats": self.repeats}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take up the account of ``state``; answers in it are not asked for again."""
        self.log = [Answer(a["sequence"], float(a["value"]), a["round"]) for a in state["log"]]
        self.round, self.repeats = int(state["round"]), int(state["repeats"])
        self._memory = {answer.sequence: answer.value for answer in self.log}

    def write_log(self, path: Path) -> None:
        """CSV of all calls: sequence, value (empty where unknown), round."""
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(("sequence", self.properties[0], "round"))
        for answer in self.log:
            value = "" if math.isnan(answer.value) else repr(answer.value)
            table.writerow((answer.sequence, value, answer.round))
        write_atomic(Path(path), text.getvalue().encode())

    def _free_values(self, sequences: Sequence[str], new: list[str]) -> NDArray[np.float64]:
        found = self._memory | dict(zip(new, self._score(new), strict=True))
        return np.array([found[s] for s in sequences], dtype=np.float64)

    def _score(self, new: list[str]) -> list[float]:
        if not new:
            return []
        values = np.asarray(self.score(new), dtype=np.float64)
        if values.shape != (len(new),):
            raise RunError(
                f"the oracle {self.name!r} gave an array of shape {values.shape} for {len(new)} "
                "sequences; one number each is wanted"
            )
        return values.tolist()


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
