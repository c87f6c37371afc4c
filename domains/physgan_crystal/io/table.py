"""A read data set, and the refusals that reading can give."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pymatgen.core import Structure

HEAVIEST = 100
"""Largest atomic number a batch can hold (fermium)."""


class Refused(Exception):
    """One row cannot be used; the message is the reason."""


@dataclass(frozen=True)
class Table:
    """Structures with properties: ``y[name] (n,)`` float64, NaN where unknown.

    ``refused`` holds (where, reason) of the rows left out.
    """

    structures: list[Structure]
    y: dict[str, np.ndarray]
    ids: list[str]
    refused: list[tuple[str, str]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.structures)

    def take(self, rows: np.ndarray) -> Table:
        """The given rows, in that order."""
        return Table(
            [self.structures[row] for row in rows],
            {name: values[rows] for name, values in self.y.items()},
            [self.ids[row] for row in rows],
            self.refused,
        )


def number(value: Any, column: str) -> float:
    """A property as a float, NaN where the cell is empty or None. Raises Refused for other text."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return float("nan")
    try:
        return float(value)
    except (TypeError, ValueError):
        raise Refused(f"{column} is not a number: {str(value)[:40]!r}") from None


def check(structure: Structure) -> Structure:
    """``structure`` if a batch can hold it: ordered, not empty, known elements up to Z = 100.

    Raises Refused with the reason.
    """
    from pymatgen.core import Element

    if not len(structure):
        raise Refused("the cell is empty")
    if not structure.is_ordered:
        raise Refused("a site is partly occupied or shared by elements")
    for site in structure:
        element = getattr(site.specie, "element", site.specie)
        if not isinstance(element, Element):
            raise Refused(f"unknown element {site.specie}")
        if element.Z > HEAVIEST:
            raise Refused(f"element {element} is beyond Z = {HEAVIEST}")
    if not np.isfinite(structure.frac_coords).all() or not structure.volume > 1e-3:
        raise Refused("the cell has no volume or a coordinate is not a number")
    if any(site.specie is not getattr(site.specie, "element", site.specie) for site in structure):
        structure = structure.copy()
        structure.remove_oxidation_states()
    return structure
