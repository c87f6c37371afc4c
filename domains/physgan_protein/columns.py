"""From columns of text to properties: numbers, classes, and lists of labels."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from physgan.domain import Property
from physgan.errors import InputError

SEPARATOR = re.compile(r"[;,\s]+")
MOST_CLASSES = 64
NO, YES = "no", "yes"


@dataclass(frozen=True)
class ColumnOptions:
    """How columns are read.

    ``classes`` are columns of class names, and so are columns that are mostly text; ``labels`` are
    columns of any number of labels per row, separated by ``;``, each of which becomes a property
    with the classes no and yes if ``least`` rows have it. ``log`` gives the shift of columns that
    are asked for on a logarithm; the others are linear. ``bins`` as in ``Property``.
    """

    classes: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    least: int = 20
    log: Mapping[str, float] | None = None
    bins: int = 0


def declare(
    names: Sequence[str], columns: Mapping[str, Sequence[str]], options: ColumnOptions, where: str
) -> list[tuple[Property, str]]:
    """Properties for the columns ``names``, as the training rows show them, with their columns.

    Raises InputError for a column that is not there and for one with too many classes.
    """
    found: list[tuple[Property, str]] = []
    for name in names:
        if name not in columns:
            known = ", ".join(columns) or "none"
            raise InputError(f"no column {name!r}", where=where, fix=f"there are: {known}")
        if name in options.labels:
            counts = Counter(label for cell in columns[name] for label in split_labels(cell))
            frequent = sorted(label for label, count in counts.items() if count >= options.least)
            found += [(Property(label, classes=(NO, YES)), name) for label in frequent]
        elif name in options.classes or not _numeric(columns[name]):
            classes = tuple(sorted({cell for cell in columns[name] if cell}))
            if not 0 < len(classes) <= MOST_CLASSES:
                raise InputError(
                    f"column {name!r} has {len(classes)} different texts",
                    where=where,
                    fix=f"classes may be 1 to {MOST_CLASSES}; labels go to domain.labels",
                )
            found.append((Property(name, classes=classes), name))
        else:
            shift = (options.log or {}).get(name)
            log = shift is not None
            found.append((Property(name, log=log, shift=shift or 0.0, bins=options.bins), name))
    return found


def values(prop: Property, cells: Sequence[str]) -> tuple[Tensor, list[tuple[int, str]]]:
    """Values ``(n,)`` of one property from its column, and (row, reason) of unreadable cells.

    Numbers are NaN and classes -1 where a cell is empty.
    """
    if prop.classes is None:
        return _numbers(prop, cells)
    place = {name: index for index, name in enumerate(prop.classes)}
    wrong = [(i, f"{prop.name} has no class {c!r}") for i, c in enumerate(cells) if c]
    wrong = [(i, reason) for i, reason in wrong if cells[i] not in place]
    return torch.tensor([place.get(cell, -1) for cell in cells]), wrong


def label_values(label: str, cells: Sequence[str]) -> Tensor:
    """Whether each cell lists ``label``: 1 or 0, and -1 where a cell is empty, ``(n,)``."""
    return torch.tensor([int(label in split_labels(cell)) if cell else -1 for cell in cells])


def split_labels(cell: str) -> set[str]:
    """The labels of one cell."""
    return {label for label in SEPARATOR.split(cell) if label}


def _numeric(cells: Sequence[str]) -> bool:
    """Whether more than half of the cells that are not empty are numbers."""
    told = [_number(cell) is not None for cell in cells if cell]
    return 2 * sum(told) > len(told) or not told


def _number(cell: str) -> float | None:
    try:
        return float(cell)
    except ValueError:
        return None


def _numbers(prop: Property, cells: Sequence[str]) -> tuple[Tensor, list[tuple[int, str]]]:
    found, wrong = [], []
    for row, cell in enumerate(cells):
        number = _number(cell) if cell else float("nan")
        if number is None or abs(number) == float("inf"):
            wrong.append((row, f"{prop.name} is no finite number: {cell[:40]!r}"))
        elif prop.log and number + prop.shift <= 0:
            wrong.append((row, f"{prop.name}={cell} has no logarithm with shift {prop.shift:g}"))
        found.append(float("nan") if number is None else number)
    return torch.tensor(found, dtype=torch.float32), wrong
