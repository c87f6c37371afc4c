"""What encoding returns, and the arrays that it starts from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from tensordict import TensorDict

from physgan_crystal.symmetry.library import TemplateLibrary, one_hot_species

if TYPE_CHECKING:
    from pymatgen.core import Structure


@dataclass(frozen=True)
class Encoded:
    """Crystals as free parameters: row i of ``x`` is structure ``kept[i]`` of the input.

    ``failures`` are (position, reason) of the structures that could not be encoded.
    """

    x: TensorDict
    library: TemplateLibrary
    kept: list[int]
    failures: list[tuple[int, str]]


@dataclass(frozen=True)
class Cell:
    """One right-handed crystal: ``lattice (3, 3)`` rows in A, ``frac (N, 3)``, ``z (N,)``."""

    lattice: np.ndarray
    frac: np.ndarray
    z: np.ndarray


def cells(structures: Sequence[Structure]) -> list[Cell]:
    """Arrays of ordered structures; a left-handed cell is inverted, its atoms with it."""
    found = []
    for structure in structures:
        lattice = np.array(structure.lattice.matrix)
        sign = 1.0 if np.linalg.det(lattice) > 0 else -1.0
        numbers = np.array(structure.atomic_numbers)
        found.append(Cell(sign * lattice, sign * structure.frac_coords, numbers))
    return found


def batch(
    template: np.ndarray, numbers: np.ndarray, coord: np.ndarray, lattice: np.ndarray
) -> TensorDict:
    """The batch ``x`` of templates (B,), atomic numbers (B, K), coordinates, lattice numbers.

    Coordinates (B, K, 3) are wrapped to [0, 1).
    """
    kind = torch.get_default_dtype()
    wrapped = torch.as_tensor(coord % 1.0).to(kind)
    parts = {
        "template": torch.as_tensor(template, dtype=torch.long),
        "species": one_hot_species(numbers),
        "coord": torch.where(wrapped < 1, wrapped, torch.zeros_like(wrapped)),
        "lattice": torch.as_tensor(lattice).to(kind),
    }
    return TensorDict(parts, batch_size=[len(template)])
