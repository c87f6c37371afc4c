"""A made data set of distorted perovskites has one known template."""

import numpy as np
import pytest
import torch
from pymatgen.core import Lattice, Structure

from physgan.errors import InputError
from physgan_crystal.symmetry import encode, encode_common, to_structures

IDEAL = np.array([[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0], [0, 0.5, 0.5]])


def _perovskites(rows: int = 48) -> tuple[list[Structure], np.ndarray, np.ndarray]:
    """Structures with shuffled sites and shifted origins, with the numbers (R, 5) and the
    displacements along x (R, 5) that they were made from."""
    rng = np.random.default_rng(3)
    numbers = np.stack(
        [
            rng.choice([11, 19, 20, 38, 56], rows),
            rng.choice([22, 40, 41, 73], rows),
            *rng.choice([7, 8, 9], (3, rows)),
        ],
        axis=1,
    )
    shifts = 0.06 * rng.standard_normal((rows, 5))
    shifts[0] = 0
    structures = []
    for row in range(rows):
        frac = IDEAL + shifts[row][:, None] * [1, 0, 0] + [rng.random() if row else 0, 0, 0]
        order = rng.permutation(5)
        lattice = Lattice.cubic(3.8 + 0.5 * rng.random())
        structures.append(Structure(lattice, numbers[row][order], frac[order] % 1.0))
    return structures, numbers, shifts


def test_perovskites_share_five_polar_sites() -> None:
    structures, numbers, shifts = _perovskites()
    encoded = encode(structures)
    library = encoded.library
    assert len(encoded.kept) == len(structures)
    assert library.names == ["Pmm2: a d b c d"]
    assert library.free.sum().item() == 5
    assert library.lattice_free[0].tolist() == [True] + [False] * 5
    # A (0,0), B (1/2,1/2), then the anions (0,1/2), (1/2,0), (1/2,1/2) across x
    assert np.array_equal(encoded.x["species"].argmax(-1).numpy() + 1, numbers)
    phase = np.exp(2j * np.pi * shifts).sum(1, keepdims=True)
    wanted = shifts - np.angle(phase) / (2 * np.pi) + 0.5
    assert np.abs(encoded.x["coord"][..., 0].numpy() - wanted).max() < 1e-5


def test_perovskites_round_trip_exactly() -> None:
    structures, *_ = _perovskites()
    encoded = encode_common(structures)
    for old, new in zip(structures, to_structures(encoded.x, encoded.library), strict=True):
        assert new.volume == pytest.approx(old.volume, rel=1e-5)
        assert new.composition == old.composition
        a, b = old.distance_matrix, new.distance_matrix
        assert np.allclose(np.sort(a.ravel()), np.sort(b.ravel()), atol=1e-4)


def test_new_rows_use_the_old_template() -> None:
    structures, *_ = _perovskites()
    library = encode_common(structures[:40]).library
    state = type(library).from_state(library.state())
    late, all_rows = encode(structures[40:], library=state), encode(structures, library=state)
    torch.testing.assert_close(late.x["coord"], all_rows.x["coord"][40:])
    assert torch.equal(late.x["species"], all_rows.x["species"][40:])


def test_a_row_without_the_symmetry_is_a_failure() -> None:
    structures, *_ = _perovskites()
    structures[7].translate_sites([2], [0, 0.13, 0])
    encoded = encode_common(structures)
    assert [row for row, _ in encoded.failures] == [7]
    assert 7 not in encoded.kept


def test_unequal_sizes_are_an_input_error() -> None:
    structures, *_ = _perovskites()
    with pytest.raises(InputError, match="same number of atoms"):
        encode_common([structures[0], structures[0] * (2, 1, 1)])


def test_auto_detects_where_nothing_is_common() -> None:
    rng = np.random.default_rng(0)
    lattice = Lattice.from_parameters(4, 5, 6, 80, 95, 103)
    rows = [Structure(lattice, ["Li", "O", "F"], rng.random((3, 3))) for _ in range(33)]
    assert not len(encode(rows).library.seen)
