"""Validity and composition features of hand-made crystals."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("pymatgen")
from pymatgen.core import Composition, Lattice, Structure

from physgan_crystal.metrics.composition import WIDTH, composition_fingerprint, scaler
from physgan_crystal.metrics.validity import composition_valid, structure_valid


def _pair(distance: float, edge: float = 4.0) -> Structure:
    return Structure(Lattice.cubic(edge), ["Na", "Cl"], [[0, 0, 0], [distance / edge, 0, 0]])


@pytest.mark.parametrize(("distance", "valid"), [(0.49, False), (0.51, True), (3.6, False)])
def test_sites_must_keep_half_an_angstrom(distance: float, valid: bool) -> None:
    assert structure_valid(_pair(distance)) is valid


def test_own_images_are_not_tested() -> None:
    flat = Structure(Lattice.orthorhombic(0.3, 4.0, 4.0), ["Na"], [[0, 0, 0]])
    assert structure_valid(flat)


def test_a_cell_needs_volume_and_a_structure() -> None:
    assert not structure_valid(Structure(Lattice.cubic(0.4), ["Na"], [[0, 0, 0]]))
    assert not structure_valid(None)


@pytest.mark.parametrize(
    ("formula", "valid"),
    [
        ("NaCl", True),
        ("Na8Cl8", True),
        ("SrTiO3", True),
        ("Fe", True),
        ("Xe", True),
        ("Cu3Au", True),
        ("NaCl2", False),
        ("NaK3O7", False),
        ("ArF2", False),
        ("HeO", False),
    ],
)
def test_composition(formula: str, valid: bool) -> None:
    assert composition_valid(Composition(formula)) is valid


def test_no_composition_is_invalid() -> None:
    assert not composition_valid(None)


def test_features_depend_on_the_reduced_composition_only() -> None:
    once = composition_fingerprint(Composition("SrTiO3"))
    assert once.shape == (WIDTH,) and np.isfinite(once).all()
    np.testing.assert_allclose(composition_fingerprint(Composition("Sr4Ti4O12")), once)


def test_features_are_scaled_numbers_of_the_elements() -> None:
    means, stds = scaler()
    assert means.shape == stds.shape == (WIDTH,) and (stds > 0).all()
    raw = composition_fingerprint(Composition("NaCl")) * stds + means
    # minimum, maximum, range, mean, mean deviation and mode of the atomic number
    np.testing.assert_allclose(raw[:6], [11, 17, 6, 14, 3, 11])


def test_unknown_features_become_zero() -> None:
    assert np.isfinite(composition_fingerprint(Composition("OgF2"))).all()
    assert (composition_fingerprint(Composition("OgF2")) == 0).any()
