"""Look-up of a measured landscape: what was not measured is unknown, never zero."""

from __future__ import annotations

import csv
import gzip
import hashlib
import lzma
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from physgan.errors import InputError
from physgan_protein.oracles.base import SequenceOracle

OPENERS = {".xz": lzma.open, ".gz": gzip.open}


class Landscape(SequenceOracle):
    """Values of a measured table, as a counted oracle.

    A sequence that is not in ``table`` has the value NaN, and its row in ``judge`` the flag
    ``measured: False`` with an error; asking for it is a call like any other, as a variant that
    fails in the laboratory has its cost too. ``measured`` tells beforehand, for searches within
    the pool of what was measured. Sequences are upper case.
    """

    name = "landscape"

    def __init__(
        self,
        table: Mapping[str, float],
        *,
        source: str = "",
        budget: int | None = None,
        seed: int = 0,
        property: str = "fitness",
    ) -> None:
        super().__init__(budget=budget, seed=seed, property=property)
        self.table = {sequence.upper(): float(value) for sequence, value in table.items()}
        if not self.table:
            raise InputError("a landscape without a single measured sequence", where=source)
        self.source = source

    @classmethod
    def read(
        cls, path: Path, *, sequence: str = "sequence", value: str = "fitness", **options: Any
    ) -> Landscape:
        """The table of columns ``sequence`` and ``value`` of a CSV file (plain, .xz, .gz).

        The property is called like its column unless ``options`` name it. Rows without a value
        are not measured. A sequence with several rows has their mean. Raises InputError with file
        and row for what cannot be read.
        """
        table = read_table(path, sequence, value)
        return cls(table, source=Path(path).name, **{"property": value, **options})

    def score(self, sequences: Sequence[str]) -> NDArray[np.float64]:
        return np.array([self.table.get(s.upper(), math.nan) for s in sequences])

    def measured(self, sequences: Iterable[str]) -> NDArray[np.bool_]:
        """Which sequences are in the table ``(n,)``; costs no call."""
        return np.array([s.upper() in self.table for s in sequences], dtype=bool)

    def describe(self, sequence: str, value: float) -> dict[str, Any]:
        if math.isnan(value):
            return {"measured": False, "error": "not measured in this landscape"}
        return {self.properties[0]: value, "measured": True}

    def settings(self) -> dict[str, Any]:
        """Source and size, highest value, and a checksum of what is in the table."""
        lines = "\n".join(f"{s},{v!r}" for s, v in sorted(self.table.items()))
        return {
            "source": self.source,
            "measured": len(self.table),
            "highest": max(self.table.values()),
            "checksum": hashlib.sha256(lines.encode()).hexdigest()[:16],
        }


def read_table(path: Path, sequence: str, value: str) -> dict[str, float]:
    """Mean ``value`` by ``sequence`` of a CSV file; see ``Landscape.read``."""
    path = Path(path)
    if not path.is_file():
        raise InputError("no such file", where=str(path))
    found: dict[str, list[float]] = {}
    opener = OPENERS.get(path.suffix, open)
    try:
        with opener(path, "rt", encoding="utf-8", newline="") as file:
            for number, row in enumerate(_rows(file, path, (sequence, value)), start=2):
                _take(found, row[sequence], row[value], f"{path.name}, line {number}")
    except (OSError, EOFError, lzma.LZMAError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"cannot be read as CSV: {error}", where=str(path)) from error
    return {key: math.fsum(values) / len(values) for key, values in found.items()}


def _rows(file: IO[str], path: Path, columns: Sequence[str]) -> csv.DictReader[str]:
    table = csv.DictReader(file)
    missing = [name for name in columns if name not in (table.fieldnames or ())]
    if missing:
        raise InputError(
            f"no column {missing[0]!r}",
            where=str(path),
            fix=f"one of {', '.join(table.fieldnames or ()) or 'none: the file is empty'}",
        )
    return table


def _take(
    found: dict[str, list[float]], sequence: str | None, value: str | None, where: str
) -> None:
    if not sequence or not sequence.strip():
        raise InputError("no sequence", where=where)
    if not value or not value.strip():
        return
    try:
        number = float(value)
    except ValueError:
        raise InputError(f"{value!r} is no number", where=where) from None
    if math.isfinite(number):
        found.setdefault(sequence.strip().upper(), []).append(number)
