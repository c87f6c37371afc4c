from __future__ import annotations

import pickle

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from physgan_crystal.oracle import CHGNetOracle, displacement, why_not


@pytest.fixture(scope="module")
def rock_salt() -> Structure:
    return Structure.from_spacegroup(
        "Fm-3m", Lattice.cubic(5.69), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]]
    ).get_primitive_structure()


def test_rock_salt_energy_lies_where_corrected_pbe_puts_it(rock_salt: Structure) -> None:
    row = CHGNetOracle(relax=False).judge([rock_salt])[0]
    # PBE is near -3.4 eV/atom, the Materials Project's chlorine correction adds -0.3.
    assert -3.75 < row["energy_per_atom"] < -3.55
    assert row["max_force"] < 1e-3
    assert row["group_before"] == 225
    assert row.keys() == {"energy_per_atom", "max_force", "stress_gpa", "group_before"}


def test_energy_per_atom_does_not_depend_on_the_cell_or_the_batch(rock_salt: Structure) -> None:
    other = Structure(Lattice.cubic(4.2), ["Mg", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    doubled = rock_salt.make_supercell([2, 1, 1], in_place=False)
    alone = CHGNetOracle().energies([rock_salt])
    batch = CHGNetOracle(batch_size=2).energies([doubled, other, rock_salt])
    assert batch[0] == pytest.approx(alone[0], abs=1e-5)
    assert batch[2] == pytest.approx(alone[0], abs=1e-5)
    assert CHGNetOracle(batch_size=2).energies([doubled, other, rock_salt]) == batch


def test_relaxation_lowers_the_energy_and_keeps_the_group(rock_salt: Structure) -> None:
    strained = rock_salt.copy()
    strained.apply_strain(0.04)
    row = CHGNetOracle(steps=30).judge([strained])[0]
    assert row["relaxed"]
    assert 0 < row["relax_steps"] <= 30
    assert row["relaxed_energy_per_atom"] < row["energy_per_atom"] - 0.005
    assert row["group_before"] == row["group_after"] == 225
    assert row["relaxed_sample"].volume == pytest.approx(
        strained.volume * (1 + row["volume_change"] / 100)
    )
    assert -14 < row["volume_change"] < -6
    assert row["rmsd"] < 1e-6


def test_what_cannot_be_judged_is_a_row_with_its_reason(rock_salt: Structure) -> None:
    radon = Structure(Lattice.cubic(4), ["Rn", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    einsteinium = Structure(Lattice.cubic(4), ["Es", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    sparse = Structure(Lattice.cubic(40), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    fused = Structure(Lattice.cubic(4), ["Na", "Cl"], [[0, 0, 0], [0.05, 0, 0]])
    rows = CHGNetOracle(relax=False).judge([radon, einsteinium, sparse, fused, None, rock_salt])
    assert "Rn" in rows[0]["error"]
    assert "Es" in rows[1]["error"]
    assert "isolated" in rows[2]["error"]
    assert "0.20 A apart" in rows[3]["error"]
    assert rows[4] == {"error": "no structure"}
    assert "error" not in rows[5]
    assert np.isnan(CHGNetOracle().energies([radon])[0])
    assert CHGNetOracle(relax=False).judge([]) == []


def test_disorder_is_refused() -> None:
    mixed = Structure(Lattice.cubic(4), [{"Na": 0.5, "K": 0.5}, "Cl"], [[0, 0, 0], [0.5] * 3])
    assert why_not(mixed) == "disordered sites"


def test_an_oracle_survives_pickling_with_its_options() -> None:
    oracle = pickle.loads(pickle.dumps(CHGNetOracle(steps=7, fmax=0.3, keep_symmetry=False)))
    assert (oracle.steps, oracle.fmax, oracle.keep_symmetry) == (7, 0.3, False)


def test_displacement_ignores_drift_and_images_and_counts_the_rest() -> None:
    before = Structure(Lattice.cubic(4), ["Na", "Cl"], [[0, 0, 0], [0.5, 0.5, 0.5]])
    drifted = Structure(Lattice.cubic(4), ["Na", "Cl"], [[0.97, 0, 0], [0.47, 0.5, 0.5]])
    moved = Structure(Lattice.cubic(4), ["Na", "Cl"], [[0.05, 0, 0], [0.45, 0.5, 0.5]])
    assert displacement(before, drifted) == pytest.approx(0, abs=1e-12)
    assert displacement(before, moved) == pytest.approx(0.2)
