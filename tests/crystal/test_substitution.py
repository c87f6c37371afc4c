from __future__ import annotations

import numpy as np
import pytest
from pymatgen.core import Composition, Element, Lattice, Structure

from physgan.errors import InputError
from physgan_crystal.substitution import (
    SubstitutionModel,
    VolumeModel,
    charges_of,
    exchange_counts,
    substitute,
)

RADII = {"Li": 0.76, "Na": 1.02, "K": 1.38, "Rb": 1.52, "F": 1.33, "Cl": 1.81, "Br": 1.96}


def _halide(cation: str, anion: str) -> Structure:
    a = 2 * (RADII[cation] + RADII[anion])
    lattice = Lattice(a / 2 * (np.ones((3, 3)) - np.eye(3)))
    return Structure(lattice, [cation, anion], [[0, 0, 0], [0.5, 0.5, 0.5]])


@pytest.fixture(scope="module")
def halides() -> list[Structure]:
    return [_halide(m, x) for m in ("Li", "Na", "K", "Rb") for x in ("F", "Cl", "Br")]


def _charges(formula: str) -> dict[str, int] | None:
    amounts = sorted((e.Z, int(n)) for e, n in Composition(formula).items())
    found = charges_of(*zip(*amounts, strict=True))
    if found is None:
        return None
    return {Element.from_Z(z).symbol: c for (z, _), c in zip(amounts, found, strict=True)}


def test_charges_are_the_textbook_ones() -> None:
    assert _charges("LiFePO4") == {"Li": 1, "Fe": 2, "P": 5, "O": -2}
    assert _charges("BaTiO3") == _charges("Ba2Ti2O6") == {"Ba": 2, "Ti": 4, "O": -2}
    assert _charges("Fe") is None
    assert _charges("NaMg") is None


def test_children_keep_sites_and_charge_and_change_an_element(halides: list[Structure]) -> None:
    parents = {s.formula for s in halides}
    for child in substitute(halides, 60, seed=1):
        assert child.frac_coords == pytest.approx(halides[0].frac_coords)
        assert child.lattice.angles == pytest.approx(halides[0].lattice.angles)
        cation, anion = child.species
        assert cation.symbol in {"Li", "Na", "K", "Rb"}
        assert anion.symbol in {"F", "Cl", "Br"}
        assert child.formula in parents


def test_never_the_parent_itself(halides: list[Structure]) -> None:
    model = SubstitutionModel(halides)
    rng = np.random.default_rng(3)
    for parent in range(len(halides)):
        mapping = model._mapping(parent, rng)
        assert mapping is not None
        assert any(old != new for old, new in mapping.items())
        assert len(set(mapping.values())) == len(mapping)


def test_seed_decides(halides: list[Structure]) -> None:
    first, second = substitute(halides, 15, seed=5), substitute(halides, 15, seed=5)
    assert first == second
    assert first != substitute(halides, 15, seed=6)


def test_metals_are_exchanged_by_what_the_training_set_shows() -> None:
    lattice = Lattice.cubic(3.0)
    seen = [Structure(lattice, [a, "Ni"], [[0, 0, 0], [0.5, 0.5, 0.5]]) for a in ("Al", "Ti", "Zr")]
    formulas = {s.reduced_formula for s in substitute(seen, 40, seed=0)}
    assert formulas == {"AlNi", "TiNi", "ZrNi"}


def test_contexts_are_counted_by_hand() -> None:
    counts = exchange_counts([np.array([11, 17]), np.array([19, 17]), np.array([19, 35])])
    assert counts[11, 19] == counts[19, 11] == 1
    assert counts[17, 35] == 1
    assert counts[11, 17] == 0
    assert counts[19, 19] == 2


def test_volume_follows_the_elements() -> None:
    volume = {1: 4.0, 2: 9.0, 3: 16.0}
    structures = []
    for a in volume:
        for b in volume:
            size = float(np.exp(0.5 * (np.log(volume[a]) + np.log(volume[b]))))
            lattice = Lattice.cubic((2 * size) ** (1 / 3))
            structures.append(Structure(lattice, [a, b], [[0, 0, 0], [0.5, 0.5, 0.5]]))
    model = VolumeModel(structures)
    found = model.predict(np.array([1, 2]), np.array([2, 3]), 6.0)
    assert found == pytest.approx(12.0, rel=1e-3)


def test_nothing_to_substitute_is_said() -> None:
    lonely = Structure(Lattice.cubic(3), ["Po"], [[0, 0, 0]])
    with pytest.raises(InputError, match="no element"):
        substitute([lonely], 3)
    with pytest.raises(InputError, match="no structures"):
        substitute([], 3)
