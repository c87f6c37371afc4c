"""metrics.csv of a run: one row per logging step, safe to extend, to append to and to resume."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from physgan.training.files import disk_errors, write_atomic


class Meter:
    """Means of logged scalars since the last reading, moved off the device in one transfer."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._values: list[Tensor] = []

    def add(self, name: str, value: Tensor) -> None:
        """Remember a scalar; nothing is read from the device."""
        self._names.append(name)
        self._values.append(value.detach().float().reshape(()))

    def read(self) -> dict[str, float]:
        """The mean of each name, and a fresh start."""
        sums: dict[str, float] = {}
        counts: dict[str, int] = {}
        values = torch.stack(self._values).tolist() if self._values else []
        for name, value in zip(self._names, values, strict=True):
            sums[name] = sums.get(name, 0.0) + value
            counts[name] = counts.get(name, 0) + 1
        self._names, self._values = [], []
        return {name: sums[name] / counts[name] for name in sums}


class MetricsFile:
    """Rows keyed by ``step``; a new column extends the header and leaves old cells empty."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.columns: list[str] = []
        if path.exists():
            with path.open(newline="") as file:
                self.columns = next(csv.reader(file), [])

    def append(self, row: Mapping[str, float]) -> None:
        """Write one row and flush it."""
        fresh = [name for name in row if name not in self.columns]
        if fresh:
            self._rewrite(self.rows(), self.columns + fresh)
        with disk_errors(self.path), self.path.open("a", newline="") as file:
            csv.DictWriter(file, self.columns).writerow(dict(row))

    def rows(self) -> list[dict[str, str]]:
        """All rows as text."""
        if not self.path.exists():
            return []
        with self.path.open(newline="") as file:
            return list(csv.DictReader(file))

    def truncate(self, step: int) -> None:
        """Drop the rows after ``step`` and a last row that was cut short."""
        if self.columns:
            kept = [row for row in self.rows() if _whole(row) and int(row["step"]) <= step]
            self._rewrite(kept, self.columns)

    def _rewrite(self, rows: list[dict[str, str]], columns: list[str]) -> None:
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, columns)
        writer.writeheader()
        writer.writerows(rows)
        write_atomic(self.path, text.getvalue().encode())
        self.columns = columns


def _whole(row: Mapping[str, str | None]) -> bool:
    return (row["step"] or "").isdigit() and None not in row.values()
