from __future__ import annotations

import json

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from physgan.errors import InputError
from physgan_crystal.verified import CalibratedEnergy

MU = {"Na": -1.3, "K": -1.1, "Cl": -1.9, "Br": -1.6, "O": -4.9, "Mg": -1.5}


def _synthetic(per: str, rows: int = 80) -> tuple[list[Structure], np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    structures, values = [], []
    energies = rng.normal(-4.0, 1.0, rows)
    for energy in energies:
        size = int(rng.integers(2, 7))
        symbols = rng.choice(list(MU), size).tolist()
        structures.append(Structure(Lattice.cubic(9), symbols, rng.random((size, 3))))
        formation = energy - np.mean([MU[s] for s in symbols])
        values.append(formation * (size if per == "cell" else 1))
    return structures, energies, np.array(values)


@pytest.mark.parametrize("per", ["atom", "cell"])
def test_references_and_their_unit_are_recovered(per: str) -> None:
    structures, energies, values = _synthetic(per)
    found = CalibratedEnergy.fit(structures, values, energies=energies)
    assert found.per == per
    assert found.mu == pytest.approx(MU, abs=1e-4)
    assert found.mae < 1e-3 < found.rival_mae
    assert found.r2 == pytest.approx(1, abs=1e-4)
    assert found.slope == pytest.approx(1, abs=1e-3)
    assert found.verify(structures, energies=energies) == pytest.approx(values, abs=1e-3)


def test_state_survives_json() -> None:
    structures, energies, values = _synthetic("atom")
    found = CalibratedEnergy.fit(structures, values, per="atom", energies=energies)
    again = CalibratedEnergy.from_state(json.loads(json.dumps(found.state())))
    assert again.state() == found.state()
    assert np.isnan(again.rival_mae)


def test_held_out_error_is_the_noise_that_references_cannot_explain() -> None:
    structures, energies, values = _synthetic("atom", rows=400)
    noise = np.random.default_rng(1).normal(0, 0.1, len(values))
    found = CalibratedEnergy.fit(structures, values + noise, energies=energies)
    assert found.mae == pytest.approx(0.1 * np.sqrt(2 / np.pi), rel=0.15)


def test_unknown_elements_and_missing_structures_are_nan() -> None:
    structures, energies, values = _synthetic("atom")
    found = CalibratedEnergy.fit(structures, values, energies=energies)
    xenon = Structure(Lattice.cubic(4), ["Xe"], [[0, 0, 0]])
    verified = found.verify([xenon, None, structures[0]], energies=[-1.0, -1.0, energies[0]])
    assert np.isnan(verified[:2]).all()
    assert np.isfinite(verified[2])


def test_too_few_rows_are_refused() -> None:
    structures, energies, values = _synthetic("atom", rows=30)
    values[:15] = np.nan
    with pytest.raises(InputError, match="15 rows"):
        CalibratedEnergy.fit(structures, values, energies=energies)
    with pytest.raises(InputError, match="3 energies"):
        CalibratedEnergy.fit(structures, values, energies=energies[:3])
