"""CHGNet as the independent judge of crystals: energies, forces, stresses, relaxations.

The potential is CHGNet 0.3.0 (Deng et al., Nature Machine Intelligence 5, 1031, 2023), trained on
Materials Project relaxation trajectories (MPtrj). Its energies carry the Materials Project's
PBE/PBE+U corrections.
"""

from __future__ import annotations

import contextlib
import io
import math
import warnings
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from physgan.domain import Oracle

if TYPE_CHECKING:
    from ase import Atoms
    from chgnet.model.model import CHGNet
    from pymatgen.core import Structure

MODEL_VERSION = "0.3.0"
UNCOVERED = frozenset({"Po", "At", "Rn", "Fr", "Ra"})
LARGEST_Z = 94
SHORTEST_DISTANCE = 0.5
"""A; below this the potential has seen nothing and its figures mean nothing."""


@lru_cache(maxsize=2)
def chgnet(device: str = "cpu") -> CHGNet:
    """The pretrained model, loaded once per process."""
    from chgnet.model.model import CHGNet

    with contextlib.redirect_stdout(io.StringIO()):
        model = CHGNet.load(model_name=MODEL_VERSION, use_device=device, verbose=False)
    model.graph_converter.set_isolated_atom_response("error")
    return model.requires_grad_(False).eval()


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        torch.set_num_threads(threads)


def why_not(structure: Structure | None) -> str:
    """Why CHGNet can say nothing of ``structure``; empty where it can."""
    import numpy as np

    if structure is None or len(structure) == 0:
        return "no structure"
    if not structure.is_ordered:
        return "disordered sites"
    if (
        not np.isfinite(structure.lattice.matrix).all()
        or not np.isfinite(structure.frac_coords).all()
    ):
        return "cell or coordinates are not finite"
    elements = structure.composition.element_composition.elements
    strange = sorted(e.symbol for e in elements if e.Z > LARGEST_Z or e.symbol in UNCOVERED)
    if strange:
        return f"CHGNet does not cover {', '.join(strange)}"
    shortest = min(structure.lattice.abc)
    if len(structure) > 1:
        distances = structure.distance_matrix
        shortest = min(shortest, float(distances[np.triu_indices(len(structure), 1)].min()))
    if shortest < SHORTEST_DISTANCE:
        return f"atoms {shortest:.2f} A apart (less than {SHORTEST_DISTANCE} A)"
    return ""


def space_group(structure: Structure, symprec: float) -> int | None:
    """International space-group number, or None where spglib finds none."""
    from pymatgen.symmetry.analyzer import SpacegroupAnalyzer

    try:
        return int(SpacegroupAnalyzer(structure, symprec=symprec).get_space_group_number())
    except Exception:
        return None


class CHGNetOracle(Oracle):
    """Judge structures by CHGNet, unrelaxed and, with ``relax``, after a short relaxation.

    ``relax`` moves atoms and cell by FIRE in ASE's FrechetCellFilter until the largest force is
    below ``fmax`` (eV/A) or ``steps`` are done; ``keep_symmetry`` holds the space group found at
    ``symprec`` (A). Figures are deterministic on one machine. Instances hold only options and can
    be pickled, so ``executor.map(oracle.judge, chunks)`` works with every Executor.
    """

    name = "chgnet"
    properties = ("energy_per_atom", "relaxed_energy_per_atom")

    def __init__(
        self,
        relax: bool = True,
        steps: int = 50,
        fmax: float = 0.1,
        keep_symmetry: bool = True,
        symprec: float = 0.01,
        batch_size: int = 32,
        device: str = "cpu",
    ) -> None:
        self.relax, self.steps, self.fmax, self.keep_symmetry = relax, steps, fmax, keep_symmetry
        self.symprec, self.batch_size, self.device = symprec, batch_size, device

    def judge(self, samples: Sequence[Structure | None]) -> list[dict[str, Any]]:
        """One row per structure.

        ``energy_per_atom`` eV/atom, ``max_force`` eV/A, ``stress_gpa`` largest component in GPa,
        ``group_before``; with ``relax`` also ``relaxed_energy_per_atom``, ``relaxed``
        (converged), ``relax_steps``, ``rmsd`` A, ``volume_change`` percent, ``group_after``,
        ``relaxed_sample``. A structure that cannot be judged has only ``error``.
        """
        with _one_thread():
            rows = self._single_points(samples)
            for row, structure in zip(rows, samples, strict=True):
                if "error" in row or structure is None:
                    continue
                row["group_before"] = space_group(structure, self.symprec)
                if self.relax:
                    try:
                        row.update(self._relaxation(structure))
                    except Exception as error:
                        row["error"] = f"relaxation failed: {error}"
        return rows

    def energies(self, samples: Sequence[Structure | None]) -> list[float]:
        """eV/atom of the unrelaxed structures in batches, NaN where CHGNet cannot judge.

        Four times faster than ``judge``: no forces, no stresses, no space groups.
        """
        with _one_thread():
            rows = self._single_points(samples, task="e")
        return [row.get("energy_per_atom", math.nan) for row in rows]

    def _single_points(
        self, samples: Sequence[Structure | None], task: str = "efs"
    ) -> list[dict[str, Any]]:
        import numpy as np
        import torch

        model = chgnet(self.device)
        rows: list[dict[str, Any]] = []
        graphs, owners = [], []
        for position, structure in enumerate(samples):
            row: dict[str, Any] = {}
            rows.append(row)
            if reason := why_not(structure):
                row["error"] = reason
                continue
            try:
                graphs.append(model.graph_converter(structure))
                owners.append(position)
            except Exception as error:
                row["error"] = f"no crystal graph: {str(error).splitlines()[0]}"
        with torch.set_grad_enabled(task != "e"):
            found = model.predict_graph(graphs, task=task, batch_size=self.batch_size)  # type: ignore[arg-type]
        for position, result in zip(
            owners, [found] if isinstance(found, dict) else found, strict=True
        ):
            row, energy = rows[position], float(result["e"])
            if not math.isfinite(energy):
                row["error"] = "the energy is not finite"
                continue
            row["energy_per_atom"] = energy
            if task != "e":
                row["max_force"] = float(np.linalg.norm(result["f"], axis=1).max())
                row["stress_gpa"] = float(np.abs(result["s"]).max())
        return rows

    def _relaxation(self, structure: Structure) -> dict[str, Any]:
        from ase.constraints import FixSymmetry
        from ase.filters import FrechetCellFilter
        from ase.optimize import FIRE
        from chgnet.model.dynamics import CHGNetCalculator
        from pymatgen.io.ase import AseAtomsAdaptor

        atoms: Atoms = AseAtomsAdaptor.get_atoms(structure, msonable=False)  # type: ignore[assignment]
        with contextlib.redirect_stdout(io.StringIO()):
            atoms.calc = CHGNetCalculator(
                chgnet(self.device), use_device=self.device, on_isolated_atoms="error"
            )
        if self.keep_symmetry:
            atoms.set_constraint(FixSymmetry(atoms, symprec=self.symprec))
        optimizer = FIRE(FrechetCellFilter(atoms), logfile=None)  # type: ignore[arg-type]
        converged = bool(optimizer.run(fmax=self.fmax, steps=self.steps))
        energy = float(atoms.get_potential_energy()) / len(atoms)
        if not math.isfinite(energy):
            raise ValueError("the energy is not finite")
        after = _like(structure, atoms)
        return {
            "relaxed_energy_per_atom": energy,
            "relaxed": converged,
            "relax_steps": int(optimizer.nsteps),
            "rmsd": displacement(structure, after),
            "volume_change": 100 * (after.volume / structure.volume - 1),
            "group_after": space_group(after, self.symprec),
            "relaxed_sample": after,
        }


def _like(structure: Structure, atoms: Atoms) -> Structure:
    """``structure`` with the cell and the positions of ``atoms``."""
    from pymatgen.core import Structure

    return Structure(atoms.cell.array, structure.species, atoms.get_scaled_positions())


def displacement(before: Structure, after: Structure) -> float:
    """Root mean square atomic displacement in A, free of cell strain and of rigid drift.

    Fractional displacements by the nearest image, their mean removed, are measured in the cell
    of ``after``; both structures list the same atoms in the same order.
    """
    import numpy as np

    step = after.frac_coords - before.frac_coords
    step -= np.round(step)
    step = (step - step.mean(axis=0)) @ after.lattice.matrix
    return float(np.sqrt((step**2).sum(axis=1).mean()))
