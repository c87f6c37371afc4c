"""Prototypes with known groups survive the way to free parameters and back."""

import numpy as np
import pytest
import spglib
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.analysis.structure_matcher import StructureMatcher
from pymatgen.core import Lattice, Structure

from physgan.errors import InputError
from physgan_crystal.symmetry import TemplateLibrary, encode, encode_detect, to_structures
from physgan_crystal.symmetry.groups import space_group


def _prototypes() -> dict[str, tuple[int, int, Structure]]:
    """Group, number of free numbers (coordinates and lattice), structure."""
    group = Structure.from_spacegroup
    cubic = Lattice.cubic
    return {
        "rock salt": (225, 1, group(225, cubic(5.6), ["Na", "Cl"], [[0, 0, 0], [0.5] * 3])),
        "zinc blende": (216, 1, group(216, cubic(5.4), ["Zn", "S"], [[0, 0, 0], [0.25] * 3])),
        "fluorite": (225, 1, group(225, cubic(5.5), ["Ca", "F"], [[0, 0, 0], [0.25] * 3])),
        "spinel": (
            227,
            2,
            group(
                "Fd-3m",
                cubic(8.1),
                ["Mg", "Al", "O"],
                [[0.125] * 3, [0.5] * 3, [0.2624] * 3],
            ),
        ),
        "cubic perovskite": (
            221,
            1,
            group(221, cubic(3.9), ["Sr", "Ti", "O"], [[0, 0, 0], [0.5] * 3, [0.5, 0.5, 0]]),
        ),
        "tetragonal perovskite": (
            99,
            5,
            group(
                99,
                Lattice.tetragonal(3.9, 4.15),
                ["Pb", "Ti", "O", "O"],
                [[0, 0, 0], [0.5, 0.5, 0.54], [0.5, 0.5, 0.11], [0.5, 0, 0.62]],
            ),
        ),
        "rutile": (
            136,
            3,
            group(136, Lattice.tetragonal(4.6, 2.95), ["Ti", "O"], [[0, 0, 0], [0.305, 0.305, 0]]),
        ),
        "wurtzite": (
            186,
            3,
            group(
                186,
                Lattice.hexagonal(3.2, 5.2),
                ["Ga", "N"],
                [[1 / 3, 2 / 3, 0], [1 / 3, 2 / 3, 0.377]],
            ),
        ),
        "corundum": (
            167,
            4,
            group(
                167, Lattice.hexagonal(4.76, 12.99), ["Al", "O"], [[0, 0, 0.352], [0.306, 0, 0.25]]
            ),
        ),
        "baddeleyite": (
            14,
            13,
            group(
                14,
                Lattice.monoclinic(5.15, 5.2, 5.32, 99.2),
                ["Zr", "O", "O"],
                [[0.275, 0.04, 0.208], [0.07, 0.33, 0.345], [0.45, 0.757, 0.479]],
            ),
        ),
        "triclinic": (
            1,
            12,
            Structure(
                Lattice.from_parameters(4.1, 5.3, 6.2, 83, 97, 105),
                ["Li", "Mn", "O"],
                [[0.1, 0.2, 0.3], [0.45, 0.61, 0.87], [0.71, 0.13, 0.52]],
            ),
        ),
    }


PROTOTYPES = _prototypes()


@pytest.mark.parametrize("name", PROTOTYPES)
def test_round_trip(name: str) -> None:
    number, freedoms, structure = PROTOTYPES[name]
    encoded = encode_detect([structure], symprec=0.01)
    library = encoded.library
    assert library.group.tolist() == [number]
    assert int(library.free.sum() + library.lattice_free.sum()) == freedoms
    (back,) = to_structures(encoded.x, library)
    primitive = structure.get_primitive_structure()
    assert len(back) == len(primitive)
    assert back.volume == pytest.approx(primitive.volume, rel=1e-5)
    assert StructureMatcher(ltol=1e-3, stol=1e-3, angle_tol=0.1).fit(structure, back)


@pytest.mark.parametrize("name", ["spinel", "rutile", "wurtzite", "triclinic"])
def test_the_same_crystal_has_one_encoding(name: str) -> None:
    structure = PROTOTYPES[name][2].get_primitive_structure()
    moved = structure.copy()
    moved.translate_sites(range(len(moved)), [0.0, 0.0, 0.37])
    shuffled = Structure.from_sites(list(reversed(moved)))
    encoded = encode_detect([structure, moved, shuffled], symprec=0.01)
    assert encoded.x["template"].unique().numel() == 1
    gap = (encoded.x["coord"] - encoded.x["coord"][:1] + 0.5) % 1.0 - 0.5
    assert gap.abs().max() < 1e-3
    torch.testing.assert_close(encoded.x["species"][1:], encoded.x["species"][:1].expand(2, -1, -1))


@pytest.fixture(scope="module")
def library() -> TemplateLibrary:
    return encode_detect([s for _, _, s in PROTOTYPES.values()], symprec=0.01).library


@settings(max_examples=25, deadline=None, derandomize=True)
@given(data=st.data())
def test_symmetry_holds_for_any_free_numbers(library: TemplateLibrary, data: st.DataObject) -> None:
    row = data.draw(st.integers(0, len(library) - 1))
    seed = data.draw(st.integers(0, 10_000))
    generator = torch.Generator().manual_seed(seed)
    orbits = library.orbit_mask.shape[1]
    numbers = torch.arange(orbits)
    x = encode_detect([PROTOTYPES["rock salt"][2]], 0.01, library).x.clone()
    x["template"] = torch.tensor([row])
    x["species"] = torch.nn.functional.one_hot(numbers, 100)[None].float()
    x["coord"] = torch.rand(1, orbits, 3, generator=generator)
    x["lattice"] = torch.tensor([3.0, 0, 0, 0, 0, 0]) + 0.3 * (
        torch.rand(1, 6, generator=generator) - 0.5
    )
    atoms = library.expand(library.project_lattice(x))
    mask = atoms["mask"][0]
    cell = atoms["cell"][0].double().numpy()
    frac = atoms["frac"][0][mask].double().numpy()
    kinds = atoms["species"][0][mask].argmax(-1).numpy() + 1
    assert np.isclose(
        np.linalg.det(cell) / mask.sum(), np.exp(float(x["lattice"][0, 0])), rtol=1e-4
    )
    group = space_group(int(library.group[row]))
    to_primitive = np.linalg.inv(group.primitive.T)
    metric = cell @ cell.T
    for rotation, shift in zip(group.rotations, group.translations, strict=True):
        turn = to_primitive @ rotation @ group.primitive.T
        assert np.allclose(turn.T @ metric @ turn, metric, atol=1e-3 * metric.max())
        images = frac @ turn.T + to_primitive @ shift
        gap = np.abs((images[:, None] - frac[None] + 0.5) % 1 - 0.5).max(-1)
        gap[kinds[:, None] != kinds[None]] = 1
        assert gap.min(1).max() < 1e-4


def test_spglib_finds_the_group_again() -> None:
    encoded = encode_detect([s for _, _, s in PROTOTYPES.values()], symprec=0.01)
    x = encoded.x.clone()
    x["coord"] = x["coord"] + 0.004 * torch.randn(
        x["coord"].shape, generator=torch.Generator().manual_seed(1)
    )
    for structure, group in zip(
        to_structures(encoded.library.project_lattice(x), encoded.library),
        encoded.library.group[x["template"]].tolist(),
        strict=True,
    ):
        cell = (structure.lattice.matrix, structure.frac_coords, structure.atomic_numbers)
        found = spglib.get_symmetry_dataset(cell, 1e-3)
        assert found.number == group


def test_rows_outside_a_library_are_named() -> None:
    halite, rutile = PROTOTYPES["rock salt"][2], PROTOTYPES["rutile"][2]
    library = encode_detect([halite], 0.01).library
    encoded = encode([rutile, halite], library=library)
    assert encoded.kept == [1]
    assert encoded.failures[0][0] == 0
    assert "not in the library" in encoded.failures[0][1]


def test_nothing_to_encode_is_an_input_error() -> None:
    with pytest.raises(InputError, match="none of the structures"):
        encode_detect([])
    with pytest.raises(InputError, match="unknown symmetry"):
        encode([], symmetry="p1")  # type: ignore[arg-type]


def test_flat_and_empty_samples_are_none() -> None:
    encoded = encode_detect([PROTOTYPES["rutile"][2]] * 3, 0.01)
    x = encoded.x.clone()
    x["species"][0] = 0
    x["lattice"][1, 0] = float("nan")
    found = to_structures(x, encoded.library)
    assert found[0] is None
    assert found[1] is None
    assert found[2] is not None
