from __future__ import annotations

import io

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from physgan_crystal.draw import atoms_with_images, bonds, draw_crystal


@pytest.fixture(scope="module")
def perovskite() -> Structure:
    return Structure.from_spacegroup(
        "Pm-3m",
        Lattice.cubic(3.905),
        ["Sr", "Ti", "O"],
        [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0]],
    )


def test_images_complete_the_cell(perovskite: Structure) -> None:
    numbers, places = atoms_with_images(perovskite)
    assert dict(zip(*np.unique(numbers, return_counts=True), strict=True)) == {8: 6, 22: 1, 38: 8}
    assert places.min() == pytest.approx(0)
    assert places.max() == pytest.approx(3.905)


def test_an_atom_just_below_a_face_counts_as_on_it() -> None:
    close = Structure(Lattice.cubic(3), ["Fe"], [[1 - 1e-5, 0.5, 0.5]])
    numbers, _ = atoms_with_images(close)
    assert len(numbers) == 2


def test_bonds_join_titanium_to_its_six_oxygens_only(perovskite: Structure) -> None:
    numbers, places = atoms_with_images(perovskite)
    found = bonds(numbers, places)
    assert len(found) == 6
    assert all({int(numbers[i]), int(numbers[j])} == {8, 22} for i, j in found)


def test_like_atoms_bond_where_there_is_nothing_else() -> None:
    silicon = Structure.from_spacegroup("Fd-3m", Lattice.cubic(5.43), ["Si"], [[0, 0, 0]])
    numbers, places = atoms_with_images(silicon)
    assert len(numbers) == 18
    assert len(bonds(numbers, places)) == 16


def test_the_figure_names_the_crystal_and_is_reproducible(perovskite: Structure) -> None:
    def png() -> bytes:
        buffer = io.BytesIO()
        draw_crystal(perovskite).savefig(buffer, format="png", dpi=40)
        return buffer.getvalue()

    figure = draw_crystal(perovskite)
    assert figure.get_suptitle() == "SrTiO$_{3}$"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["Sr", "Ti", "O"]
    assert png() == png()


def test_pyplot_keeps_no_figure(perovskite: Structure) -> None:
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    draw_crystal(perovskite)
    assert plt.get_fignums() == before


def test_an_unsymmetric_cell_is_drawn_too() -> None:
    odd = Structure(
        Lattice.from_parameters(4, 5, 6, 80, 95, 105), ["Li", "Co"], [[0.1, 0.2, 0.3], [0.6] * 3]
    )
    assert draw_crystal(odd).get_suptitle() == "LiCo"
