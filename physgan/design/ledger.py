"""Every question to an oracle: counted, kept within a budget, written down when answered."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from physgan.design.space import Ask, Tokens, TokenSpace, Values
from physgan.errors import InputError, RunError
from physgan.training.files import disk_errors

COLUMNS = ("call", "round", "source", "sample", "value", "predicted", "spread")


class BudgetSpent(Exception):
    """No question is left; what was answered is in the ledger."""


class Ledger:
    """An oracle's answers so far. A sample is asked once: repeats are answered from here, free.

    ``budget`` is the most samples that may be asked. With ``path`` each answered batch is added
    to a CSV file and synced; a ledger that opens a file goes on where it ended, so a search that
    is run again with its seed asks nothing twice. A line cut short by a crash is dropped.
    """

    def __init__(
        self, oracle: Ask, space: TokenSpace, budget: int | None = None, path: Path | None = None
    ) -> None:
        self.oracle, self.space, self.budget, self.path = oracle, space, budget, path
        self.tokens: Tokens = np.zeros((0, space.length), dtype=np.int64)
        self.values: Values = np.zeros(0)
        self.rounds = np.zeros(0, dtype=np.int64)
        self.sources: list[str] = []
        self._index: dict[bytes, int] = {}
        if path is not None:
            self._open(path)

    def __len__(self) -> int:
        return len(self.values)

    @property
    def left(self) -> float:
        """Questions left; infinite without a budget."""
        return math.inf if self.budget is None else self.budget - len(self)

    @property
    def feasible(self) -> np.ndarray:
        """Rows ``(n,)`` that did not break a rule."""
        return self.values != -np.inf

    def known(self, tokens: Tokens) -> np.ndarray:
        """Which of ``tokens`` have been answered."""
        return np.array([row.tobytes() in self._index for row in _plain(tokens)], dtype=bool)

    def best(self) -> tuple[Tokens, float]:
        """The best sample ``(L,)`` and its value. Raises RunError where none has a value."""
        finite = np.isfinite(self.values)
        if not finite.any():
            raise RunError("the oracle gave no sample a value")
        row = int(np.where(finite, self.values, -np.inf).argmax())
        return self.tokens[row], float(self.values[row])

    def best_so_far(self) -> Values:
        """The best value after each call; -inf before the first."""
        finite = np.where(np.isfinite(self.values), self.values, -np.inf)
        return np.maximum.accumulate(finite)

    def ask(
        self,
        tokens: Tokens,
        round: int = 0,
        source: str | Sequence[str] = "",
        predicted: Values | None = None,
        spread: Values | None = None,
    ) -> Values:
        """Values ``(n,)`` of ``tokens (n, L)``.

        Where the budget ends inside the batch, its first part is asked and kept before
        BudgetSpent is raised.
        """
        tokens = _plain(tokens)
        self.space.check(tokens)
        fresh: dict[bytes, int] = {}
        for row, sample in enumerate(tokens):
            if sample.tobytes() not in self._index:
                fresh.setdefault(sample.tobytes(), row)
        rows = list(fresh.values())
        fit = rows if self.left >= len(rows) else rows[: int(self.left)]
        if fit:
            answers = np.asarray(self.oracle(tokens[fit]), dtype=np.float64)
            if answers.shape != (len(fit),):
                raise RunError(f"the oracle gave {answers.shape} answers to {len(fit)} samples")
            names = [source] * len(fit) if isinstance(source, str) else [source[r] for r in fit]
            told = [None if c is None else c[fit] for c in (predicted, spread)]
            self._write(tokens[fit], answers, round, names, told)
            self._add(tokens[fit], answers, np.full(len(fit), round), names)
        if len(fit) < len(rows):
            raise BudgetSpent
        return self.values[[self._index[sample.tobytes()] for sample in tokens]]

    def _add(self, tokens: Tokens, values: Values, rounds: np.ndarray, sources: list[str]) -> None:
        for offset, sample in enumerate(tokens):
            self._index[sample.tobytes()] = len(self) + offset
        self.tokens = np.concatenate([self.tokens, tokens])
        self.values = np.concatenate([self.values, values])
        self.rounds = np.concatenate([self.rounds, rounds])
        self.sources += sources

    def _write(
        self,
        tokens: Tokens,
        values: Values,
        round: int,
        sources: list[str],
        told: list[Values | None],
    ) -> None:
        if self.path is None:
            return
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        for row, sample in enumerate(self.space.spell(tokens)):
            extra = ["" if column is None else f"{column[row]:.6g}" for column in told]
            value = repr(float(values[row]))
            writer.writerow([len(self) + row + 1, round, sources[row], sample, value, *extra])
        with disk_errors(self.path), self.path.open("ab") as file:
            file.write(text.getvalue().encode())
            file.flush()
            os.fsync(file.fileno())

    def _open(self, path: Path) -> None:
        header = ",".join(COLUMNS) + "\n"
        if not path.exists():
            with disk_errors(path):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(header)
            return
        content = path.read_text()
        whole = content[: content.rfind("\n") + 1]
        if not whole.startswith(header):
            raise InputError("is not a log of an oracle's answers", where=str(path))
        if whole != content:
            os.truncate(path, len(whole.encode()))
        rows = list(csv.DictReader(io.StringIO(whole)))
        if not rows:
            return
        try:
            tokens = self.space.read([row["sample"] for row in rows])
            values = np.array([float(row["value"]) for row in rows])
            rounds = np.array([int(row["round"]) for row in rows])
        except (ValueError, InputError) as error:
            raise InputError(f"cannot go on from this log: {error}", where=str(path)) from error
        self._add(tokens, values, rounds, [row["source"] for row in rows])


def _plain(tokens: Tokens) -> Tokens:
    return np.ascontiguousarray(tokens, dtype=np.int64)
