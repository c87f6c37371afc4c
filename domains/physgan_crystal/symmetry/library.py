"""Wyckoff templates as buffers, and the one step from free parameters to all atoms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from tensordict import TensorDict
from torch import Tensor, nn

from physgan_crystal.symmetry.lattice import cell_from_parameters

ELEMENTS = 100
_TENSORS = (
    "group",
    "orbit_mask",
    "free",
    "multiplicity",
    "atom_mask",
    "atom_orbit",
    "matrix",
    "offset",
    "primitive",
    "lattice_free",
    "lattice_fixed",
    "seen",
)


@dataclass(frozen=True)
class Orbit:
    """Atoms that symmetry ties together: atom i sits at ``matrix[i] @ u + offset[i]``.

    ``matrix (m, 3, 3)`` and ``offset (m, 3)`` give fractional coordinates of the primitive cell;
    ``u`` holds ``free`` parameters of period 1, then zeros.
    """

    matrix: np.ndarray
    offset: np.ndarray
    free: int


@dataclass(frozen=True)
class Template:
    """A space group, its occupied orbits, and which of the six lattice numbers may change.

    ``primitive (3, 3)``: primitive lattice vectors in rows, in units of the conventional ones.
    """

    name: str
    group: int
    primitive: np.ndarray
    orbits: tuple[Orbit, ...]
    lattice_free: np.ndarray
    lattice_fixed: np.ndarray


class TemplateLibrary(nn.Module):
    """T templates of at most K orbits and N atoms, and their differentiable expansion.

    Buffers: ``group (T,)``, ``orbit_mask (T, K)``, ``free (T, K, 3)``, ``multiplicity (T, K)`` in
    atoms per primitive cell, ``atom_mask (T, N)``, ``atom_orbit (T, N)``, ``matrix (T, N, 3, 3)``,
    ``offset (T, N, 3)``, ``primitive (T, 3, 3)``, ``lattice_free (T, 6)``, ``lattice_fixed
    (T, 6)``. ``seen (T, K, 100)`` counts the elements of each orbit where sites keep their roles
    from row to row, and is ``(0, K, 100)`` otherwise. Symmetry is exact for every value of the
    free parameters.
    """

    group: Tensor
    orbit_mask: Tensor
    free: Tensor
    multiplicity: Tensor
    atom_mask: Tensor
    atom_orbit: Tensor
    matrix: Tensor
    offset: Tensor
    primitive: Tensor
    lattice_free: Tensor
    lattice_fixed: Tensor
    seen: Tensor

    def __init__(self, tensors: Mapping[str, Tensor], names: Sequence[str]) -> None:
        super().__init__()
        self.names = list(names)
        for name in _TENSORS:
            self.register_buffer(name, tensors[name])

    @classmethod
    def from_templates(cls, templates: Sequence[Template]) -> TemplateLibrary:
        """Stack ``templates``, padded to the largest."""
        count = len(templates)
        orbits = max(len(template.orbits) for template in templates)
        atoms = max(sum(len(o.matrix) for o in template.orbits) for template in templates)
        tensors = {
            "group": torch.tensor([template.group for template in templates]),
            "orbit_mask": torch.zeros(count, orbits, dtype=torch.bool),
            "free": torch.zeros(count, orbits, 3, dtype=torch.bool),
            "multiplicity": torch.zeros(count, orbits, dtype=torch.long),
            "atom_mask": torch.zeros(count, atoms, dtype=torch.bool),
            "atom_orbit": torch.zeros(count, atoms, dtype=torch.long),
            "matrix": torch.zeros(count, atoms, 3, 3),
            "offset": torch.zeros(count, atoms, 3),
            "primitive": _stack([template.primitive for template in templates]),
            "lattice_free": _stack([t.lattice_free for t in templates]).bool(),
            "lattice_fixed": _stack([template.lattice_fixed for template in templates]),
            "seen": torch.zeros(0, orbits, ELEMENTS),
        }
        for row, template in enumerate(templates):
            first = 0
            for k, orbit in enumerate(template.orbits):
                last = first + len(orbit.matrix)
                tensors["orbit_mask"][row, k] = True
                tensors["free"][row, k, : orbit.free] = True
                tensors["multiplicity"][row, k] = last - first
                tensors["atom_mask"][row, first:last] = True
                tensors["atom_orbit"][row, first:last] = k
                tensors["matrix"][row, first:last] = torch.as_tensor(orbit.matrix)
                tensors["offset"][row, first:last] = torch.as_tensor(orbit.offset)
                first = last
        return cls(tensors, [template.name for template in templates])

    def __len__(self) -> int:
        return len(self.names)

    def atoms(self, template: Tensor) -> Tensor:
        """Atoms per primitive cell, ``(B,)``."""
        return self.atom_mask[template].sum(-1)

    def cell_conventional(self, lattice: Tensor, template: Tensor) -> Tensor:
        """Conventional cell ``(B, 3, 3)`` in A, rows the vectors, of ``lattice (B, 6)``."""
        share = torch.linalg.det(self.primitive[template]).abs()
        return cell_from_parameters(lattice, self.atoms(template) / share)

    def expand(self, x: TensorDict) -> TensorDict:
        """All atoms of the primitive cell, differentiable in species, coord and lattice.

        Returns ``frac (B, N, 3)``, ``species (B, N, 100)``, ``cell (B, 3, 3)`` in A with rows the
        lattice vectors, and ``mask (B, N)``; padding atoms are all zero.
        """
        template = x["template"]
        mask = self.atom_mask[template]
        orbit = self.atom_orbit[template].unsqueeze(-1)
        species, coord = x["species"], x["coord"]
        u = coord.gather(1, orbit.expand(-1, -1, 3))
        frac = torch.einsum("bnij,bnj->bni", self.matrix[template], u) + self.offset[template]
        atoms = species.gather(1, orbit.expand(-1, -1, species.shape[-1])) * mask.unsqueeze(-1)
        cell = self.primitive[template] @ self.cell_conventional(x["lattice"], template)
        parts = {"frac": frac, "species": atoms, "cell": cell, "mask": mask}
        return TensorDict(parts, batch_size=x.batch_size)

    def project_lattice(self, x: TensorDict) -> TensorDict:
        """Give tied lattice numbers their value and wrap coordinates to [0, 1); differentiable.

        Unused coordinates and the species of absent orbits become zero.
        """
        template = x["template"]
        out = x.clone(recurse=False)
        out["lattice"] = torch.where(
            self.lattice_free[template], x["lattice"], self.lattice_fixed[template]
        )
        wrapped = x["coord"] - x["coord"].detach().floor()
        wrapped = torch.where(wrapped < 1, wrapped, wrapped - wrapped.detach())
        out["coord"] = wrapped * self.free[template]
        out["species"] = x["species"] * self.orbit_mask[template].unsqueeze(-1)
        return out

    def state(self) -> dict[str, Any]:
        """Everything as JSON values and tensors; ``from_state`` is the inverse."""
        tensors = {name: getattr(self, name).detach().cpu() for name in _TENSORS}
        return {"json": {"names": self.names}, "tensors": tensors}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> TemplateLibrary:
        """Rebuild a library from ``state()``."""
        return cls(state["tensors"], state["json"]["names"])


def one_hot_species(numbers: np.ndarray) -> Tensor:
    """Atomic numbers ``(..., K)``, 0 where absent, as one-hot ``(..., K, 100)``."""
    index = torch.as_tensor(np.asarray(numbers), dtype=torch.long)
    hot = nn.functional.one_hot((index - 1).clamp(min=0), ELEMENTS)
    return hot.to(torch.get_default_dtype()) * (index > 0).unsqueeze(-1)


def _stack(arrays: Sequence[np.ndarray]) -> Tensor:
    return torch.as_tensor(np.stack(arrays)).to(torch.get_default_dtype())
