"""Laws are zero exactly where they hold, can be descended, and projections make them hold."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pymatgen.core import Composition, Element
from smact.screening import smact_validity
from tensordict import TensorDict

from physgan.errors import InputError
from physgan_crystal.laws import fit_atomic_volumes, penalties, projections
from physgan_crystal.laws.charge import charge_residual
from physgan_crystal.laws.distance import distance_residual
from physgan_crystal.laws.exchange import Exchanger
from physgan_crystal.laws.neutrality import exchanged_charge, net_charge
from physgan_crystal.laws.projections import smallest_scale
from physgan_crystal.laws.tables import atomic_volumes, covalent_radii
from physgan_crystal.laws.volume import volume_residual
from physgan_crystal.symmetry.library import Orbit, Template, TemplateLibrary

EMPTY = TensorDict({}, batch_size=[])
ANIONS = [1, 7, 8, 9, 15, 16, 17, 34, 35, 53]


def hot(numbers):
    index = torch.as_tensor(numbers)
    return (
        torch.nn.functional.one_hot((index - 1).clamp_min(0), 100).float() * (index > 0)[..., None]
    )


def expanded(frac, numbers, cell):
    frac, cell = torch.as_tensor(frac), torch.as_tensor(cell)
    mask = torch.as_tensor(numbers) > 0
    parts = {"frac": frac, "species": hot(numbers), "cell": cell, "mask": mask}
    return TensorDict(parts, batch_size=[len(frac)])


def smact_says(numbers, counts):
    total = {}
    for z, n in zip(numbers, counts, strict=True):
        if z and n:
            symbol = Element.from_Z(int(z)).symbol
            total[symbol] = total.get(symbol, 0) + int(n)
    return smact_validity(Composition(total), oxidation_states_set="smact14")


def perovskites(seed, count):
    rng = np.random.default_rng(seed)
    metals = rng.integers(1, 101, (count, 2))
    return np.concatenate([metals, rng.choice(ANIONS, (count, 3))], 1)


def test_charge_agrees_with_smact_on_perovskites():
    numbers = perovskites(0, 500)
    ones = np.ones_like(numbers)
    ours = net_charge(numbers, ones) == 0
    theirs = [smact_says(*row) for row in zip(numbers, ones, strict=True)]
    assert 50 < sum(theirs) < 450
    assert ours.tolist() == theirs


def test_charge_agrees_with_smact_on_any_composition():
    rng = np.random.default_rng(1)
    numbers, counts = rng.integers(0, 101, (300, 4)), rng.integers(1, 25, (300, 4))
    numbers[:, 0] = np.maximum(numbers[:, 0], 1)
    ours = net_charge(numbers, counts) == 0
    assert ours.tolist() == [smact_says(*row) for row in zip(numbers, counts, strict=True)]


@pytest.mark.parametrize(
    ("numbers", "counts", "expected"),
    [
        ([11, 17], [1, 1], 0.0),  # NaCl
        ([11, 17], [4, 4], 0.0),  # the same in another cell
        ([11, 17], [1, 2], 1.0),  # NaCl2: one electron missing
        ([11, 17], [3, 6], 1.0),  # per formula unit
        ([11, 9], [2, 1], 1.0),  # Na2F: one left over
        ([13, 13, 8], [1, 1, 3], 0.0),  # one element on two orbits
        ([29, 30], [1, 1], 0.0),  # brass, an alloy
        ([17], [3], 0.0),  # an element
        ([2, 11], [1, 1], 2.0),  # helium has no state
    ],
)
def test_charge_of_known_compositions(numbers, counts, expected):
    assert net_charge(np.array([numbers]), np.array([counts])) == expected


def test_exchange_table_is_the_charge_after_the_exchange():
    numbers, counts = perovskites(2, 5), np.array([[1, 1, 1, 2, 2]] * 5)
    numbers[0, 4] = 0
    table = exchanged_charge(numbers, counts)
    assert not table[0, 4].any()
    for k in range(4):
        for z in (3, 8, 26, 61, 100):
            trial = numbers.copy()
            trial[:, k] = z
            np.testing.assert_array_equal(table[:, k, z - 1], net_charge(trial, counts))


def test_charge_gradient_is_that_of_the_expected_charge():
    numbers = np.array([[11, 17, 17]])
    multiplicity = torch.tensor([[1, 1, 1]])
    species = hot(numbers).requires_grad_()
    value = charge_residual(species, multiplicity)
    assert value.item() == 1.0
    (slope,) = torch.autograd.grad(value.sum(), species)
    # magnesium in place of sodium mends it; copper(II) too; potassium does not
    assert slope[0, 0, 11] == 0 and slope[0, 0, 28] == 0 and slope[0, 0, 18] == 1
    # a mixture of a valid and an invalid element is not neutral yet
    relaxed = hot([[12, 17, 17]])
    relaxed[0, 0, 11], relaxed[0, 0, 18] = 0.75, 0.25
    assert 0 < charge_residual(relaxed, multiplicity).item() < 1


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_exchanged_compositions_are_neutral_and_neutral_ones_stay(seed):
    rng = np.random.default_rng(seed)
    numbers = rng.integers(1, 101, (6, 5)) * (np.arange(5) < rng.integers(1, 6, (6, 1)))
    multiplicity = torch.as_tensor(rng.integers(1, 7, (6, 5)))
    species = hot(numbers)
    mended = Exchanger()(species, multiplicity)
    assert not charge_residual(mended, multiplicity).any()
    assert torch.equal(mended.sum(-1), species.sum(-1))
    assert torch.equal(Exchanger()(mended, multiplicity), mended)
    fine = charge_residual(species, multiplicity) == 0
    assert torch.equal(mended[fine], species[fine])


def test_exchange_follows_the_probability_of_the_sample():
    multiplicity = torch.tensor([[1, 1, 1]])
    species = hot([[11, 17, 17]])
    species[0, 0, 10], species[0, 0, 37], species[0, 0, 11] = 0.6, 0.3, 0.1
    assert torch.equal(Exchanger()(species, multiplicity), hot([[38, 17, 17]]))


def test_exchange_turns_both_orbits_of_an_element_together():
    # Ba2Br2 lacks two electrons; oxygen is likely on both orbits
    species = hot([[56, 35, 35]])
    multiplicity = torch.tensor([[2, 1, 1]])
    species[0, 1:, 7], species[0, 1:, 34] = 0.4, 0.6
    assert torch.equal(Exchanger()(species, multiplicity), hot([[56, 8, 8]]))


def test_distance_residual_of_a_pair_and_of_own_images():
    # H-O at 0.5 A in a wide cell: both atoms lack 0.7 * 0.97 - 0.5
    cell = 10 * torch.eye(3)[None]
    pair = expanded([[[0.0, 0, 0], [0.05, 0, 0]]], [[1, 8]], cell)
    radii = covalent_radii()
    least = 0.7 * (radii[0] + radii[7])
    torch.testing.assert_close(distance_residual(pair), torch.tensor([least - 0.5]).float())
    # caesium images 2 A apart along one axis only
    thin = expanded([[[0.2, 0, 0]]], [[55]], torch.diag(torch.tensor([2.0, 9, 9]))[None])
    expected = torch.tensor([1.4 * radii[54] - 2.0]).float()
    torch.testing.assert_close(distance_residual(thin), expected)
    assert distance_residual(expanded([[[0.2, 0, 0]]], [[55]], cell)).item() == 0


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.floats(1.5, 6.0))
def test_smallest_scale_is_exact(seed, size):
    generator = torch.Generator().manual_seed(seed)
    frac = torch.rand(3, 3, 3, generator=generator)
    cell = size * (torch.eye(3) + 0.2 * torch.rand(3, 3, 3, generator=generator))
    numbers = torch.randint(1, 90, (3, 3), generator=generator)
    x = expanded(frac, numbers, cell)
    scale = smallest_scale(x)
    x["cell"] = cell * scale[:, None, None]
    solved = scale < 3.99
    assert not distance_residual(x)[solved].any()
    assert (smallest_scale(x)[solved] == 1).all()
    x["cell"] = cell * (scale * 0.999)[:, None, None]
    needed = scale > 1.01
    assert (distance_residual(x)[needed] > 0).all()


def test_volume_law_has_a_band():
    volumes = torch.as_tensor(atomic_volumes()).float()
    edge = float(2 * volumes[25]) ** (1 / 3)
    cells = torch.tensor([1.0, 1.2, 0.8])[:, None, None] ** (1 / 3) * edge * torch.eye(3)
    x = expanded([[[0.0, 0, 0], [0.5, 0.5, 0.5]]] * 3, [[26, 26]] * 3, cells)
    expected = torch.tensor([0.0, np.log(1.2) - 0.1, -np.log(0.8) - 0.1]).float()
    torch.testing.assert_close(volume_residual(x, volumes, 0.1), expected, atol=1e-5, rtol=0)


def test_volume_fit_recovers_its_volumes_and_keeps_unseen_elements():
    rng = np.random.default_rng(0)
    counts = np.zeros((4000, 100))
    counts[:, [7, 21, 55]] = rng.integers(1, 9, (4000, 3))
    true = np.zeros(100)
    true[[7, 21, 55]] = 11.0, 12.0, 40.0
    noise = np.exp(rng.normal(0, 0.05, 4000))
    fitted, band = fit_atomic_volumes(counts, counts @ true * noise)
    np.testing.assert_allclose(fitted[[7, 21, 55]], [11.0, 12.0, 40.0], rtol=0.02)
    assert fitted[25] == pytest.approx(atomic_volumes()[25], rel=1e-6)
    assert 0.12 < band < 0.2


@pytest.fixture
def library():
    still = np.zeros((1, 3, 3))
    free = np.concatenate([np.eye(3)[None], -np.eye(3)[None]])
    orbits = (Orbit(still, np.zeros((1, 3)), 0), Orbit(free, np.zeros((2, 3)), 3))
    template = Template("P-1: a i", 2, np.eye(3), orbits, np.ones(6, dtype=bool), np.zeros(6))
    return TemplateLibrary.from_templates([template])


def batch():
    lattice = torch.tensor([[1.5, 0.0, 0.1, 0.05, 0, 0], [6.0, 0.0, 0.1, 0.05, 0, 0]])
    coord = torch.tensor([[[0.0, 0, 0], [0.1, 0.2, 0.15]]]).repeat(2, 1, 1)
    x = {"template": torch.tensor([0, 0]), "species": hot([[11, 17], [11, 17]])}
    return TensorDict({**x, "lattice": lattice, "coord": coord}, batch_size=[2])


def test_gradients_reach_species_coordinates_and_lattice(library):
    reached = {
        "distance": {"species", "coord", "lattice"},
        "volume": {"species", "lattice"},
        "charge": {"species"},
    }
    for penalty in penalties(library, volume_band=0.1):
        x = batch()
        leaves = {name: x[name].requires_grad_() for name in ("species", "coord", "lattice")}
        residual = penalty.function(x, EMPTY)
        assert residual.shape == (2,) and (residual >= 0).all() and residual[0] > 0
        slopes = torch.autograd.grad(residual.sum(), list(leaves.values()), allow_unused=True)
        found = {n for n, s in zip(leaves, slopes, strict=True) if s is not None and s.any()}
        assert found == reached[penalty.name]


def test_projections_make_their_laws_hold_and_are_idempotent(library):
    laws = {penalty.name: penalty.function for penalty in penalties(library)}
    for projection in projections(library):
        x = batch()
        assert laws[projection.law](x, EMPTY).any()
        before = x.clone()
        once = projection.function(x, EMPTY)
        assert (x == before).all()
        assert not laws[projection.law](once, EMPTY).any()
        twice = projection.function(once, EMPTY)
        assert (twice == once).all()


def test_atoms_with_room_are_moved_apart_at_their_density(library):
    x = batch()[1:].clone()
    x["lattice"][:, 0] = 3.3
    (separate,) = (p for p in projections(library) if p.name == "separation")
    assert smallest_scale(library.expand(x)) > 1
    moved = separate.function(x, EMPTY)
    assert smallest_scale(library.expand(moved)) == 1
    assert (moved["lattice"] == x["lattice"]).all() and (moved["coord"][0, 0] == 0).all()


def test_expansion_is_differentiable(library):
    x = batch()
    x["coord"].requires_grad_()
    (expand,) = (p for p in projections(library) if p.differentiable)
    lattice = expand.function(x, EMPTY)["lattice"]
    (slope,) = torch.autograd.grad(lattice.sum(), x["coord"])
    assert slope[0, 1].any() and slope.isfinite().all()


def test_tolerances_are_the_users(library):
    chosen = {p.name: p.tolerance for p in penalties(library, tolerances={"charge": 0.4})}
    assert chosen["charge"] == 0.4
    with pytest.raises(InputError, match="distance, volume, charge"):
        penalties(library, tolerances={"charges": 0.4})
