"""From free parameters back to pymatgen structures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from tensordict import TensorDict

from physgan_crystal.symmetry.library import TemplateLibrary

if TYPE_CHECKING:
    from pymatgen.core import Structure

LEAST_DISTANCE = 1e-2
"""A; atoms nearer than this are one atom, and such a crystal is no structure."""


@torch.no_grad()
def to_structures(x: TensorDict, library: TemplateLibrary) -> list[Structure | None]:
    """Primitive cells of a batch, the likeliest element at each site.

    None where a number is not finite, the cell is flat, or two sites are filled by no element.
    """
    from pymatgen.core import Element, Lattice, PeriodicSite, Structure

    atoms = library.expand(x)
    mask = atoms["mask"].cpu().numpy()
    frac = atoms["frac"].double().cpu().numpy() % 1.0
    cell = atoms["cell"].double().cpu().numpy()
    numbers = atoms["species"].argmax(-1).cpu().numpy() + 1
    filled = (atoms["species"].sum(-1) > 0).cpu().numpy() | ~mask
    sound = (
        np.isfinite(frac).all((1, 2)) & np.isfinite(cell).all((1, 2)) & filled.all(1) & mask.any(1)
    )
    sound[sound] &= np.abs(np.linalg.det(cell[sound])) > 1e-3
    elements = [Element.from_Z(z) for z in range(1, library.seen.shape[-1] + 1)]
    found: list[Structure | None] = []
    for row in range(len(mask)):
        if not sound[row]:
            found.append(None)
            continue
        lattice = Lattice(cell[row])
        here = mask[row]
        cartesian = frac[row, here] @ cell[row]
        sites = [
            PeriodicSite(elements[z - 1], f, lattice)
            for z, f in zip(numbers[row, here], frac[row, here], strict=True)
        ]
        found.append(Structure.from_sites(sites))
    return found
