"""Which rows of a file can be used: clean sequences, each once, each on one side of the split."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from physgan.errors import InputError
from physgan_protein.alphabet import bad_residue
from physgan_protein.io import Records

SPLITS = {"train": ("train",), "val": ("val", "valid", "validation"), "test": ("test",)}
SIDES = ("train", "val", "test")
Refused = list[tuple[str, str]]


@dataclass(frozen=True)
class SplitOptions:
    """``column`` says each row's side, ``seed`` shuffles the hashed split, ``shares`` are its
    parts for validation and test."""

    column: str | None = None
    seed: int | None = None
    shares: tuple[float, float] = (0.1, 0.1)


def clean(records: Records, longest: int | None) -> tuple[list[int], Refused]:
    """Rows whose sequence is of the twenty amino acids and has 1 to ``longest`` residues."""
    kept: list[int] = []
    refused: Refused = []
    for row, sequence in enumerate(records.sequences):
        if reason := _fault(sequence, longest):
            refused.append((records.where[row], reason))
        else:
            kept.append(row)
    return kept, refused


def _fault(sequence: str, longest: int | None) -> str | None:
    if not sequence:
        return "the sequence is empty"
    if longest is not None and len(sequence) > longest:
        return f"{len(sequence)} residues, more than {longest}"
    if (found := bad_residue(sequence)) is not None:
        return f"{found[1]!r} at position {found[0] + 1} is no amino acid"
    return None


def sides(records: Records, rows: Sequence[int], options: SplitOptions) -> dict[str, list[int]]:
    """The ``rows`` of train, val and test.

    By a column that names sides, where there is one (train rows give the validation where no row
    is named so), else by a hash of the sequence: equal sequences are always on one side, in this
    and in every other file.
    """
    column = options.column or ("split" if _names_sides(records) else None)
    if column is None:
        return _hashed(records, rows, options, SIDES)
    if column not in records.columns:
        raise InputError(
            f"no split column {column!r}", fix=f"there are: {', '.join(records.columns)}"
        )
    names = {alias: side for side, aliases in SPLITS.items() for alias in aliases}
    found: dict[str, list[int]] = {side: [] for side in SIDES}
    for row in rows:
        told = records.columns[column][row].lower()
        if told not in names:
            raise InputError(
                f"the split {told!r} is unknown",
                where=records.where[row],
                fix=f"one of {', '.join(names)}",
            )
        found[names[told]].append(row)
    if not found["val"]:
        found |= _hashed(records, found["train"], options, SIDES[:2])
    return found


def _names_sides(records: Records) -> bool:
    known = {alias for aliases in SPLITS.values() for alias in aliases}
    cells = {cell.lower() for cell in records.columns.get("split", ())}
    return bool(cells) and cells <= known


def _hashed(
    records: Records, rows: Sequence[int], options: SplitOptions, names: Sequence[str]
) -> dict[str, list[int]]:
    val, test = options.shares
    test = test if "test" in names else 0.0
    salt = "" if options.seed is None else f"{options.seed}:"
    found: dict[str, list[int]] = {name: [] for name in names}
    for row in rows:
        place = _place(salt + records.sequences[row])
        side = "val" if place < val else "test" if place < val + test else "train"
        found[side].append(row)
    return found


def _place(text: str) -> float:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64


def apart(records: Records, found: dict[str, list[int]], side: str) -> tuple[list[int], Refused]:
    """The rows of ``side`` whose sequence is on none of the sides before it in (train, val,
    test), and the others, refused."""
    seen = {
        records.sequences[row]: (other, row)
        for other in SIDES[: SIDES.index(side)]
        for row in found[other]
    }
    kept: list[int] = []
    refused: Refused = []
    for row in found[side]:
        if records.sequences[row] in seen:
            other, first = seen[records.sequences[row]]
            reason = f"the sequence of {records.where[first]} is in {other}"
            refused.append((records.where[row], reason))
        else:
            kept.append(row)
    return kept, refused


def groups(sequences: Sequence[str]) -> dict[str, list[int]]:
    """Positions of each distinct sequence, in order of first appearance."""
    found: dict[str, list[int]] = {}
    for position, sequence in enumerate(sequences):
        found.setdefault(sequence, []).append(position)
    return found
