"""Properties that follow exactly from a crystal's free parameters; no predictor is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from tensordict import TensorDict
from torch import Tensor

from physgan.domain import Property

if TYPE_CHECKING:
    from physgan_crystal.symmetry.library import TemplateLibrary

GRAM_PER_CM3 = 1.66053906892
"""Atomic mass units per cubic Angstrom in g/cm^3 (CODATA 2022)."""
EXACT = {"density": "g/cm^3", "num_elements": "", "volume_per_atom": "A^3"}
"""The names that this module computes, with their units."""


def atomic_masses() -> Tensor:
    """Standard atomic weights of Z = 1..100 in u, ``(100,)``."""
    from pymatgen.core import Element

    return torch.tensor([float(Element.from_Z(z).atomic_mass) for z in range(1, 101)])


def exact_properties(library: TemplateLibrary) -> dict[str, Property]:
    """Density, number of distinct elements and volume per atom as functions of x."""
    masses = atomic_masses()

    def density(x: TensorDict) -> Tensor:
        many = library.multiplicity[x["template"]].to(x["species"].dtype)
        weight = ((x["species"] @ masses.to(x["species"])) * many).sum(dim=1)
        atoms = many.sum(dim=1)
        return GRAM_PER_CM3 * weight / (atoms * x["lattice"][:, 0].exp())

    def num_elements(x: TensorDict) -> Tensor:
        return (x["species"].sum(dim=1) > 0.5).sum(dim=1).to(x["species"].dtype)

    def volume_per_atom(x: TensorDict) -> Tensor:
        return x["lattice"][:, 0].exp()

    functions = (density, num_elements, volume_per_atom)
    return {f.__name__: Property(f.__name__, EXACT[f.__name__], exact=f) for f in functions}
