"""From a file of sequences to a fitted protein domain and its batches."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from tensordict import TensorDict
from torch import Tensor

from physgan.domain import Data, Property
from physgan.errors import InputError
from physgan.scales import scaled
from physgan_protein import alphabet
from physgan_protein.columns import declare, label_values, values
from physgan_protein.exact import EXACT
from physgan_protein.io import Records, read_records
from physgan_protein.references import references_for
from physgan_protein.rows import SIDES, Refused, apart, clean, groups, sides

if TYPE_CHECKING:
    from physgan_protein.domain import ProteinDomain

ENDINGS = (".csv", ".csv.xz", ".csv.gz", ".tsv", ".fasta", ".fasta.xz", ".fasta.gz", ".fa")
ALIASES = {"train": ("train",), "val": ("val", "valid", "validation"), "test": ("test",)}


def load_split(domain: ProteinDomain, path: Path, split: str, properties: Sequence[str]) -> Data:
    """Rows of ``split`` at ``path``; the training split fits ``domain``.

    Repeats of a sequence are one row: numbers are averaged, classes that disagree are unknown.
    InputError as the readers raise, for an empty split, and where ``on_bad`` is refuse for the
    first bad row.
    """
    if split not in SIDES:
        raise InputError(f"unknown split {split!r}", fix=f"one of {', '.join(SIDES)}")
    fits = split == "train"
    records = _subset(read_records(_place(path, split), domain.sequence_column), domain, path)
    longest = domain.longest if fits else domain.length
    rows, refused = clean(records, longest)
    if path.is_dir():
        found = {side: rows if side == split else [] for side in SIDES}
    else:
        found = sides(records, rows, domain.splitting)
    rows, crossed = apart(records, found, split)
    refused += crossed
    if not rows:
        raise InputError(f"no sequence is left in the split {split!r}", where=str(path))
    if fits:
        _declare(domain, records, rows, properties, path)
    table, wrong = _values(domain, records, rows)
    merged, y, repeats = _merge(domain.properties, records, rows, table)
    refused += wrong + repeats
    if refused and domain.on_bad == "refuse":
        raise InputError(refused[0][1], where=refused[0][0], fix="mend it, or set on_bad to skip")
    sequences = [records.sequences[row] for row in merged]
    if fits:
        domain.fit(sequences)
    tokens = torch.from_numpy(alphabet.encode(sequences, domain.length))
    given, kept = references_for(domain, tokens)
    refused += [
        (records.where[merged[i]], "a fixed position differs from the reference")
        for i in (~kept).nonzero().squeeze(1).tolist()
    ]
    x = TensorDict({"residues": alphabet.one_hot(tokens[kept])}, [int(kept.sum())])
    y = y[kept]
    for prop in domain.properties:
        if prop.exact is not None:
            y[prop.name] = prop.exact(x)
    batch = TensorDict({"x": x, "y": y, "given": given[kept]}, x.batch_size)
    places = kept.nonzero().squeeze(1).tolist()
    ids = [records.ids[merged[i]] for i in places]
    context = {"samples": [sequences[i] for i in places]}
    return Data(batch, ids, refused, context, _weights(domain, y) if fits else None)


def _place(path: Path, split: str) -> Path:
    """The file of ``split`` in a folder of one per side, or the one file."""
    if not path.exists():
        raise InputError("no such file or folder", where=str(path))
    if not path.is_dir():
        return path
    names = [alias + ending for alias in ALIASES[split] for ending in ENDINGS]
    found = next((path / name for name in names if (path / name).exists()), None)
    if found is None:
        raise InputError(f"no {split} file", where=str(path), fix=f"such as {split}.csv")
    return found


def _subset(records: Records, domain: ProteinDomain, path: Path) -> Records:
    """The rows that the column ``domain.subset`` marks with anything but 0, no and nothing."""
    if domain.subset is None:
        return records
    if domain.subset not in records.columns:
        raise InputError(f"no column {domain.subset!r} of marks", where=str(path))
    marks = records.columns[domain.subset]
    rows = [i for i, mark in enumerate(marks) if mark.lower() not in ("", "0", "no", "false")]
    return Records(
        [records.sequences[i] for i in rows],
        {name: [cells[i] for i in rows] for name, cells in records.columns.items()},
        [records.ids[i] for i in rows],
        [records.where[i] for i in rows],
    )


def _declare(
    domain: ProteinDomain, records: Records, rows: Sequence[int], names: Sequence[str], path: Path
) -> None:
    # Columns of labels or classes that the user names are to be learned, where none is named so.
    names = names or (*domain.reading.labels, *domain.reading.classes)
    told = [name for name in names if name not in EXACT]
    cells = {n: [column[row] for row in rows] for n, column in records.columns.items()}
    found = {p.name: (p, column) for p, column in declare(told, cells, domain.reading, str(path))}
    exact = {name: (EXACT[name], "") for name in names if name in EXACT}
    domain.declare([*found.values(), *exact.values()])


def _values(
    domain: ProteinDomain, records: Records, rows: Sequence[int]
) -> tuple[dict[str, Tensor], Refused]:
    """Values of ``rows`` by property, and rows with cells that cannot be read."""
    table: dict[str, Tensor] = {}
    refused: Refused = []
    for prop in domain.properties:
        if prop.exact is not None:
            continue
        column = domain.columns[prop.name]
        cells = records.columns.get(column)
        if cells is None:
            table[prop.name] = _unknown(prop, len(rows))
        elif column in domain.reading.labels:
            table[prop.name] = label_values(prop.name, [cells[row] for row in rows])
        else:
            table[prop.name], wrong = values(prop, [cells[row] for row in rows])
            refused += [(records.where[rows[i]], f"{why}: unknown") for i, why in wrong]
    return table, refused


def _unknown(prop: Property, size: int) -> Tensor:
    return torch.full((size,), float("nan")) if prop.classes is None else torch.full((size,), -1)


def _merge(
    properties: Sequence[Property],
    records: Records,
    rows: Sequence[int],
    table: dict[str, Tensor],
) -> tuple[list[int], TensorDict, Refused]:
    """The first row of each sequence, its values over all its rows, and a word on each repeat."""
    found = groups([records.sequences[row] for row in rows])
    firsts = [places[0] for places in found.values()]
    y = {name: column[firsts].clone() for name, column in table.items()}
    refused: Refused = []
    for position, places in enumerate(found.values()):
        if len(places) == 1:
            continue
        said = [_agree(p, y, table, position, places) for p in properties if p.name in table]
        first = records.where[rows[places[0]]]
        differ = "; ".join(reason for reason in said if reason)
        reason = f"repeats {first}" + (f" with other labels: {differ}" if differ else "")
        refused += [(records.where[rows[place]], reason) for place in places[1:]]
    return [rows[i] for i in firsts], TensorDict(y, [len(firsts)]), refused


def _agree(
    prop: Property, y: dict[str, Tensor], table: dict[str, Tensor], position: int, places: list[int]
) -> str:
    """Put the common value of ``places`` into ``y``; how they differ, if they do."""
    told = table[prop.name][places]
    known = told[torch.isfinite(told)] if prop.classes is None else told[told >= 0]
    if not len(known):
        return ""
    same = bool((known == known[0]).all())
    y[prop.name][position] = known.mean() if prop.classes is None else known[0] if same else -1
    if same:
        return ""
    if prop.classes is None:
        return f"{prop.name} {float(known.min()):.4g} to {float(known.max()):.4g}, averaged"
    return f"{prop.name} is unknown"


def _weights(domain: ProteinDomain, y: TensorDict) -> Tensor | None:
    """exp(tail z) of the first number among the properties, so that rare high values are seen."""
    first = next((p for p in domain.properties if p.classes is None and not p.exact), None)
    if not domain.tail or first is None:
        return None
    value = scaled(first, y[first.name])
    known = torch.isfinite(value)
    z = (value - value[known].mean()) / value[known].std().clamp(min=1e-8)
    weight = (domain.tail * torch.where(known, z, torch.zeros_like(z))).exp()
    return weight / weight.sum()
