"""Written files reload to the structures that were written."""

from pathlib import Path

import pytest
from ase.io import read
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Lattice, Structure

from physgan.errors import InputError
from physgan_crystal.io import write_structures

RUTILE = Structure.from_spacegroup(
    136, Lattice.tetragonal(4.6, 2.95), ["Ti", "O"], [[0, 0, 0], [0.305, 0.305, 0]]
)
SKEW = Structure(
    Lattice.from_parameters(4.1, 5.3, 6.2, 83, 97, 105),
    ["Li", "Mn", "O"],
    [[0.1, 0.2, 0.3], [0.45, 0.61, 0.87], [0.71, 0.13, 0.52]],
)


@pytest.mark.parametrize("structure", [RUTILE, SKEW], ids=["rutile", "skew"])
def test_files_reload(structure: Structure, tmp_path: Path) -> None:
    (cif,) = write_structures([structure], ["Ti O2/1"], tmp_path)
    assert cif.name == "Ti_O2_1.cif"
    assert {path.name for path in tmp_path.iterdir()} == {"Ti_O2_1.cif", "Ti_O2_1.extxyz"}
    matcher = StructureMatcher(ltol=1e-3, stol=1e-3, angle_tol=0.1)
    assert matcher.fit(structure, Structure.from_file(cif))
    atoms = read(cif.with_suffix(".extxyz"))
    assert atoms.pbc.all()
    assert atoms.get_volume() == pytest.approx(structure.volume, rel=1e-6)
    assert atoms.get_atomic_numbers().tolist() == list(structure.atomic_numbers)


def test_a_cif_states_its_symmetry(tmp_path: Path) -> None:
    (cif,) = write_structures([RUTILE], ["a"], tmp_path, formats=["cif"])
    assert "P4_2/mnm" in cif.read_text()


def test_names_and_formats_are_checked(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="distinct name"):
        write_structures([RUTILE, SKEW], ["a b", "a/b"], tmp_path)
    with pytest.raises(InputError, match="cannot write pdb"):
        write_structures([RUTILE], ["a"], tmp_path, formats=["pdb"])
