"""From free parameters back to pymatgen structures."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from tensordict import TensorDict

from physgan_crystal.symmetry.library import TemplateLibrary

if TYPE_CHECKING:
    from pymatgen.core import Structure

LEAST_VOLUME = 1e-3
"""A^3; a smaller cell is no structure."""


@torch.no_grad()
def to_structures(x: TensorDict, library: TemplateLibrary) -> list[Structure | None]:
    """Primitive cells of a batch, the likeliest element at each site.

    None where a number is not finite, the cell is flat, or a site is filled by no element.
    """
    atoms = library.expand(x)
    mask = atoms["mask"].cpu().numpy()
    frac = atoms["frac"].double().cpu().numpy() % 1.0
    cell = atoms["cell"].double().cpu().numpy()
    numbers = atoms["species"].argmax(-1).cpu().numpy() + 1
    filled = (atoms["species"].sum(-1) > 0).cpu().numpy() | ~mask
    sound = (
        np.isfinite(frac).all((1, 2)) & np.isfinite(cell).all((1, 2)) & filled.all(1) & mask.any(1)
    )
    sound[sound] &= np.abs(np.linalg.det(cell[sound])) > LEAST_VOLUME
    return [
        build(cell[row], frac[row, mask[row]], numbers[row, mask[row]]) if sound[row] else None
        for row in range(len(mask))
    ]


def build(cell: np.ndarray, frac: np.ndarray, numbers: np.ndarray) -> Structure:
    """A structure from ``cell (3, 3)`` in A, ``frac (N, 3)`` and atomic ``numbers (N,)``.

    Skips the parsing of species that makes pymatgen's own constructor slow.
    """
    from pymatgen.core import Lattice, PeriodicSite, Structure

    lattice, elements = Lattice(cell), _elements()
    return Structure.from_sites(
        [PeriodicSite(elements[int(z)], f, lattice) for z, f in zip(numbers, frac, strict=True)]
    )


@cache
def _elements() -> dict[int, Any]:
    from pymatgen.core import Element

    return {z: Element.from_Z(z) for z in range(1, 119)}
