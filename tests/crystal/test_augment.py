"""Crystals strained for the critic: what stays, how much moves, and that the critic sees it."""

import math

import pytest
import torch
from pymatgen.core import Lattice, Structure
from tensordict import TensorDict

from physgan.conditions import ConditionSchema
from physgan.cores import BiGAN, PhysicsGAN
from physgan.testing import assert_domain_contract
from physgan_crystal import CrystalDomain
from physgan_crystal.augment import JITTER, SHARE, STRAIN, strained
from physgan_crystal.symmetry import encode

ROWS = 4000
SMALL = {"layers": 1, "hidden": 8, "feature_dim": 8, "cutoff": 4.0, "angular": 0}


@pytest.fixture(scope="module")
def salts():
    """Rutiles (c/a and one coordinate are free) and rock salts (only the volume is)."""
    rutile = Structure.from_spacegroup(
        136, Lattice.tetragonal(4.6, 2.96), ["Ti", "O"], [[0] * 3, [0.305, 0.305, 0]]
    )
    rock = Structure.from_spacegroup(225, Lattice.cubic(5.6), ["Na", "Cl"], [[0] * 3, [0.5] * 3])
    found = encode([rutile, rock], symmetry="detect")
    return found.x, found.library


def many(salts, row, rows=ROWS):
    x, library = salts
    return x[row : row + 1].expand(rows).contiguous(), library


def moved(before, after):
    """Rows in which a leaf is another one, and the changes, by leaf."""
    change = {name: after[name] - before[name] for name in ("coord", "lattice")}
    rows = (change["coord"].flatten(1) != 0).any(1) | (change["lattice"] != 0).any(1)
    return rows, change


def test_a_share_of_the_rows_moves_by_the_stated_deviations(salts):
    x, library = many(salts, 0)
    torch.manual_seed(0)
    after = strained(x, library, keep_volume=False)
    rows, change = moved(x, after)
    share = float(rows.float().mean())
    assert share == pytest.approx(SHARE, abs=5 * math.sqrt(SHARE * (1 - SHARE) / ROWS))
    free = library.lattice_free[x["template"][0]]
    coordinates = library.free[x["template"][0]]
    assert free.tolist() == [True, False, True, False, False, False] and coordinates.sum() == 1
    assert not change["lattice"][:, ~free].any() and not change["coord"][:, ~coordinates].any()
    for part, deviation in (
        (change["coord"][rows][:, coordinates], JITTER),
        (change["lattice"][rows][:, 2], STRAIN),
        (change["lattice"][rows][:, 0], 3 * STRAIN),
    ):
        count = part.numel()
        assert float(part.mean()) == pytest.approx(0, abs=5 * deviation / math.sqrt(count))
        # The variance of a sample variance of normal numbers is 2 sigma^4 / n.
        bound = 5 * math.sqrt(2 / count)
        assert float(part.var() / deviation**2) == pytest.approx(1, abs=bound)


def test_elements_template_and_where_asked_the_volume_stay(salts):
    x, library = many(salts, 0, 64)
    torch.manual_seed(0)
    after = strained(x, library, keep_volume=True)
    for name in ("template", "species"):
        assert torch.equal(after[name], x[name])
    assert torch.equal(after["lattice"][:, 0], x["lattice"][:, 0])
    volumes = [torch.linalg.det(library.expand(part)["cell"]) for part in (x, after)]
    torch.testing.assert_close(*volumes)
    assert moved(x, after)[0].any()


def test_a_crystal_that_symmetry_fixes_has_only_its_volume_to_move(salts):
    x, library = many(salts, 1, 64)
    torch.manual_seed(0)
    kept, free = (strained(x, library, keep_volume=v) for v in (True, False))
    assert not moved(x, kept)[0].any() and moved(x, free)[0].any()
    assert torch.equal(free["coord"], x["coord"])


def test_gradients_pass_unchanged(salts):
    x, library = many(salts, 0, 8)
    leaves = {n: x[n].clone().requires_grad_() for n in ("species", "coord", "lattice")}
    torch.manual_seed(1)
    seen = TensorDict({**leaves, "template": x["template"]}, [8])
    after = strained(seen, library, keep_volume=False)
    weights = {n: torch.randn_like(leaf) for n, leaf in leaves.items()}
    total = torch.stack([(weights[n] * after[n]).sum() for n in leaves]).sum()
    for name, slope in zip(leaves, torch.autograd.grad(total, leaves.values()), strict=True):
        assert torch.equal(slope, weights[name])


def test_what_is_added_has_the_characteristic_function_that_is_nowhere_zero(salts):
    x, library = many(salts, 0)
    torch.manual_seed(2)
    _, change = moved(x, strained(x, library, keep_volume=True))
    added = change["coord"][:, library.free[x["template"][0]]].flatten().double()
    for frequency in (1, 10, 50, 400):
        t = 2 * math.pi * frequency
        wanted = 1 - SHARE + SHARE * math.exp(-((t * JITTER) ** 2) / 2)
        found = float((t * added).cos().mean())
        assert found == pytest.approx(wanted, abs=5 / math.sqrt(ROWS)) and wanted >= 1 - SHARE


def test_the_critic_sees_what_is_done_and_nothing_where_nothing_is(salts):
    x, library = salts
    domain = CrystalDomain()
    domain.fit(library, x)
    torch.manual_seed(0)
    critic = domain.critic(0, **SMALL)
    rows, given = many(salts, 0, 32)[0], TensorDict({}, [32])
    after = domain.augment(rows)
    changed, _ = moved(rows, after)
    scores = [critic(part, torch.zeros(32, 0), given).score for part in (rows, after)]
    apart = (scores[0] - scores[1]).abs()
    assert bool((apart[changed] > 1e-6).all()) and bool((apart[~changed] < 1e-6).all())


def test_the_embedded_crystals_keep_the_contract_and_density_and_volume():
    domain = CrystalDomain()
    assert_domain_contract(domain, batch_size=8)
    assert {"density", "volume_per_atom"} <= {p.name for p in domain.properties}


@pytest.mark.parametrize("kind", [PhysicsGAN, BiGAN])
def test_cores_play_with_it(kind):
    domain = CrystalDomain()
    data = domain.load(None, "train").batch[:12]
    schema = ConditionSchema(domain.properties, data["y"])
    told = {"objective": "hinge", "augmentation": "domain", "latent_dim": 4}
    core = kind(domain, schema, **told, critic_network=SMALL, network={"width": 16})
    for turn in core.turns(lambda: data, 0):
        core.zero_grad(set_to_none=True)
        (loss,) = turn.losses
        assert loss.value.isfinite()
        loss.value.backward(inputs=[p for n in turn.step for p in core.players[n].parameters()])
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in core.generator.parameters())
