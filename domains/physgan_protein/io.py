"""Protein files: FASTA and CSV in, FASTA and CSV out."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import lzma
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from physgan.errors import InputError
from physgan.training.files import disk_errors, write_atomic

SEQUENCE_COLUMNS = ("sequence", "variant", "seq", "protein", "peptide")
OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}
FASTA_ENDINGS = (".fasta", ".fa", ".faa")
FASTA_WIDTH = 60


@dataclass(frozen=True)
class Records:
    """Rows of a file as they stand there: ``columns`` hold texts, ``where`` says which row."""

    sequences: list[str]
    columns: dict[str, list[str]]
    ids: list[str]
    where: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.sequences)


def read_records(path: Path, sequence_column: str | None = None) -> Records:
    """Sequences and columns of a FASTA or CSV file, plain or compressed (.gz, .xz, .bz2).

    ``sequence_column`` of a CSV is by default the first there is of ``SEQUENCE_COLUMNS``. FASTA
    headers give columns as ``name=value`` words. Raises InputError for a file that cannot be read
    and a column that is not there.
    """
    name = path.name.lower()
    plain = name.removesuffix(path.suffix.lower()) if path.suffix.lower() in OPENERS else name
    try:
        with _open(path) as stream:
            if plain.endswith(FASTA_ENDINGS):
                return _read_fasta(stream, path)
            if plain.endswith((".csv", ".tsv")):
                tab = "\t" if plain.endswith(".tsv") else ","
                return _read_csv(stream, path, sequence_column, tab)
    except (OSError, EOFError, UnicodeDecodeError, lzma.LZMAError, csv.Error) as error:
        raise InputError(f"this file cannot be read: {error}", where=str(path)) from error
    raise InputError(
        "cannot tell the format", where=str(path), fix="name it .fasta or .csv, or those with .xz"
    )


def _open(path: Path) -> IO[str]:
    opener = OPENERS.get(path.suffix.lower(), open)
    return opener(path, "rt", encoding="utf-8-sig", newline="")


def _read_csv(stream: IO[str], path: Path, wanted: str | None, delimiter: str) -> Records:
    reader = csv.reader(stream, delimiter=delimiter)
    header = [name.strip() for name in next(reader, [])]
    column = wanted or next((n for n in SEQUENCE_COLUMNS if n in header), None)
    if column is None or column not in header:
        raise InputError(
            f"no column {column!r} of sequences" if column else "no column of sequences",
            where=str(path),
            fix=f"set domain.sequence_column to one of {', '.join(header) or 'none'}",
        )
    place, key = header.index(column), header.index("id") if "id" in header else None
    rows: list[list[str]] = []
    lines: list[int] = []
    for row in reader:
        if any(row):
            rows.append(row + [""] * (len(header) - len(row)))
            lines.append(reader.line_num)
    where = [f"{path.name}:{line}" for line in lines]
    return Records(
        [row[place].strip() for row in rows],
        {n: [row[i].strip() for row in rows] for i, n in enumerate(header) if i != place},
        where if key is None else [row[key] for row in rows],
        where,
    )


def _read_fasta(stream: IO[str], path: Path) -> Records:
    found = list(_entries(stream, path))
    tags = [dict(w.split("=", 1) for w in head.split()[1:] if "=" in w) for _, head, _ in found]
    names = dict.fromkeys(name for tag in tags for name in tag)
    return Records(
        [sequence for _, _, sequence in found],
        {name: [tag.get(name, "") for tag in tags] for name in names},
        [(head.split() or [f"line {line}"])[0] for line, head, _ in found],
        [f"{path.name}:{line}" for line, _, _ in found],
    )


def _entries(stream: IO[str], path: Path) -> Iterator[tuple[int, str, str]]:
    """Line number of the header, header and sequence of each entry; a final ``*`` is a stop."""
    line, head, parts = 0, None, []
    for number, raw in enumerate(stream, start=1):
        text = raw.strip()
        if text.startswith(">"):
            if head is not None:
                yield line, head, "".join(parts).removesuffix("*")
            line, head, parts = number, text[1:], []
        elif text and not text.startswith(";"):
            if head is None:
                raise InputError(
                    "a sequence before the first header", where=f"{path}:{number}", fix="add >name"
                )
            parts.append(text)
    if head is not None:
        yield line, head, "".join(parts).removesuffix("*")


def write_fasta(sequences: Sequence[str], names: Sequence[str], path: Path) -> Path:
    """Write one entry per sequence, lines of 60 residues; whole or not at all."""
    text = io.StringIO()
    for sequence, name in zip(sequences, names, strict=True):
        text.write(f">{name}\n")
        for first in range(0, len(sequence), FASTA_WIDTH):
            text.write(sequence[first : first + FASTA_WIDTH] + "\n")
    with disk_errors(path.parent):
        write_atomic(path, text.getvalue().encode())
    return path


def write_csv(
    sequences: Sequence[str],
    names: Sequence[str],
    path: Path,
    columns: Mapping[str, Sequence[Any]] | None = None,
) -> Path:
    """Write a table of id, sequence, length and ``columns``; whole or not at all."""
    more = columns or {}
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["id", "sequence", "length", *more])
    for row, (sequence, name) in enumerate(zip(sequences, names, strict=True)):
        writer.writerow([name, sequence, len(sequence), *(values[row] for values in more.values())])
    with disk_errors(path.parent):
        write_atomic(path, text.getvalue().encode())
    return path
