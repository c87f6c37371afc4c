"""Neighbour graphs against pymatgen's own search, and their smoothness."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Lattice, Structure

from physgan_crystal.graph import envelope, image_range, neighbours


def random_batch(seed, crystals, skew):
    rng = np.random.default_rng(seed)
    cell = np.diag([3.0, 4.0, 5.0]) + skew * rng.normal(size=(crystals, 3, 3))
    flat = np.abs(np.linalg.det(cell)) < 10
    cell[flat] = np.diag([3.0, 4.0, 5.0])
    counts = rng.integers(1, 5, crystals)
    mask = np.arange(4) < counts[:, None]
    frac = rng.uniform(-1.5, 1.5, (crystals, 4, 3))
    return (torch.as_tensor(v) for v in (frac, cell, mask))


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.0, 2.0), st.floats(2.0, 5.0))
def test_edges_equal_those_of_pymatgen(seed, skew, cutoff):
    frac, cell, mask = random_batch(seed, 3, skew)
    edges = neighbours(frac, cell, mask, cutoff, max_images=30)
    for row in range(3):
        atoms = int(mask[row].sum())
        lattice = Lattice(cell[row].numpy())
        structure = Structure(lattice, ["H"] * atoms, frac[row, :atoms].numpy())
        centre, _, _, distance = structure.get_neighbor_list(cutoff, exclude_self=True)
        ours = torch.div(edges.target, 4, rounding_mode="floor") == row
        for atom in range(atoms):
            expected = np.sort(distance[centre == atom])
            found = np.sort(edges.distance[ours & (edges.target % 4 == atom)].numpy())
            clear = abs(expected - cutoff) > 1e-8
            assert abs(len(found) - len(expected)) <= (~clear).sum()
            np.testing.assert_allclose(found[: clear.sum()], expected[clear], atol=1e-7)


def test_simple_cubic_has_six_neighbours_that_are_its_own_images():
    cell = 3.0 * torch.eye(3)[None]
    mask = torch.ones(1, 1, dtype=torch.bool)
    edges = neighbours(torch.full((1, 1, 3), 0.3), cell, mask, 3.1)
    assert len(edges) == 6
    assert torch.equal(edges.source, edges.target)
    torch.testing.assert_close(edges.distance, torch.full((6,), 3.0))
    expected = {(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)}
    assert {tuple(s) for s in edges.shift.int().tolist()} == expected


def test_image_range_of_a_skew_cell_counts_lattice_planes():
    # b leans far over a: the planes along a are only 1/sqrt(10) apart though |a| = 1
    cell = torch.tensor([[[1.0, 0, 0], [3.0, 1.0, 0], [0, 0, 2.0]]])
    assert image_range(cell, 1.0, 20).tolist() == [[3, 1, 1]]


def test_vectors_are_differentiable_in_positions_and_cell():
    frac, cell, mask = random_batch(3, 2, 0.5)
    frac.requires_grad_()
    cell.requires_grad_()

    def energy(frac, cell):
        edges = neighbours(frac, cell, mask, 4.0, nearest=6)
        return envelope(edges.distance / edges.cutoff).sum()

    assert torch.autograd.gradcheck(energy, (frac, cell))


def test_nearest_keeps_shells_whole():
    # 12 equal neighbours in fcc: asking for 4 must not split the shell
    cell = 2.0 * torch.tensor([[[0.0, 1, 1], [1, 0, 1], [1, 1, 0]]])
    mask = torch.ones(1, 1, dtype=torch.bool)
    edges = neighbours(torch.zeros(1, 1, 3), cell, mask, 6.0, nearest=4)
    assert len(edges) == 12
    torch.testing.assert_close(edges.cutoff, 1.25 * edges.distance)


def test_nearest_weights_change_continuously_when_an_edge_enters():
    mask = torch.ones(1, 3, dtype=torch.bool)
    cell = 20.0 * torch.eye(3, dtype=torch.float64)[None]

    def weight(place):
        frac = torch.zeros(1, 3, 3, dtype=torch.float64)
        frac[0, 1, 0], frac[0, 2, 1] = 0.1, place
        edges = neighbours(frac, cell, mask, 6.0, nearest=1)
        mine = edges.target == 0
        return envelope(edges.distance / edges.cutoff)[mine].sum(), int(mine.sum())

    outside, few = weight(0.125 + 1e-6)
    inside, more = weight(0.125 - 1e-6)
    assert (few, more) == (1, 2)
    assert abs(inside - outside) < 1e-9


def test_batch_mates_do_not_change_a_crystal():
    frac, cell, mask = random_batch(11, 6, 0.6)
    together = neighbours(frac, cell, mask, 5.0)
    for row in range(6):
        alone = neighbours(frac[row, None], cell[row, None], mask[row, None], 5.0)
        mine = torch.div(together.target, 4, rounding_mode="floor") == row
        expected = torch.sort(alone.distance).values
        torch.testing.assert_close(torch.sort(together.distance[mine]).values, expected)


def test_collapsed_cells_stay_bounded_and_finite():
    frac, cell, mask = random_batch(5, 2, 0.0)
    cell[0] *= 1e-3
    frac[1, 0] = frac[1, 1]
    frac.requires_grad_()
    edges = neighbours(frac, cell, mask, 3.0, max_images=3)
    assert len(edges) < 20_000
    (slope,) = torch.autograd.grad(edges.distance.sum(), frac)
    assert slope.isfinite().all()
