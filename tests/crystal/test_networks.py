"""Backbones do not see how a crystal is written; critics and predictors learn from all of x."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from tensordict import TensorDict

from physgan.errors import InputError
from physgan_crystal.networks.backbone import build_backbone
from physgan_crystal.networks.critic import CrystalCritic
from physgan_crystal.networks.predictor import CrystalPredictor
from physgan_crystal.networks.slots import SlotTransformer
from physgan_crystal.symmetry.library import Orbit, Template, TemplateLibrary

KINDS = ["invariant", "equivariant"]
EMPTY = TensorDict({}, batch_size=[3])


@pytest.fixture(autouse=True)
def double_precision():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def crystals(seed=0, count=2, atoms=4):
    generator = torch.Generator().manual_seed(seed)
    frac = torch.rand(count, atoms, 3, generator=generator)
    cell = 4.5 * torch.eye(3) + 0.5 * torch.randn(count, 3, 3, generator=generator)
    species = torch.softmax(3 * torch.randn(count, atoms, 100, generator=generator), -1)
    mask = torch.ones(count, atoms, dtype=torch.bool)
    mask[1, atoms - 1] = False
    return pack(frac, species * mask[..., None], cell, mask)


def pack(frac, species, cell, mask):
    parts = {"frac": frac, "species": species, "cell": cell, "mask": mask}
    return TensorDict(parts, batch_size=[len(frac)])


def rotated(x):
    turn = torch.as_tensor(Rotation.from_rotvec([0.3, -1.2, 0.7]).as_matrix())
    return pack(x["frac"], x["species"], x["cell"] @ -turn, x["mask"])


def translated(x):
    return pack(x["frac"] + torch.tensor([0.37, -1.9, 0.51]), x["species"], x["cell"], x["mask"])


def permuted(x):
    order = torch.tensor([2, 0, 3, 1])
    return pack(x["frac"][:, order], x["species"][:, order], x["cell"], x["mask"][:, order])


def other_cell(x):
    change = torch.tensor([[1.0, 1, 0], [0, 1, -1], [0, 0, 1]])
    frac = x["frac"] @ torch.linalg.inv(change)
    return pack(frac, x["species"], change @ x["cell"], x["mask"])


def supercell(x):
    half = x["frac"] / torch.tensor([1.0, 2.0, 1.0])
    frac = torch.cat([half, half + torch.tensor([0.0, 0.5, 0.0])], 1)
    cell = x["cell"] * torch.tensor([1.0, 2.0, 1.0])[:, None]
    return pack(frac, x["species"].repeat(1, 2, 1), cell, x["mask"].repeat(1, 2))


@pytest.mark.parametrize("nearest", [None, 6])
@pytest.mark.parametrize("kind", KINDS)
def test_features_are_invariant(kind, nearest):
    torch.manual_seed(1)
    net = build_backbone(kind, hidden=16, feature_dim=8, cutoff=4.0, nearest=nearest)
    x = crystals()
    expected = net(x)
    assert expected.std() > 1e-3
    for same in (rotated, translated, permuted, other_cell, supercell):
        torch.testing.assert_close(net(same(x)), expected, atol=1e-8, rtol=0, msg=same.__name__)
    single = net.float()
    for same in (rotated, translated, permuted, other_cell, supercell):
        other = pack(*(v.float() if v.is_floating_point() else v for v in same(x).values()))
        torch.testing.assert_close(single(other).double(), expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_features_tell_crystals_apart(kind):
    net = build_backbone(kind, hidden=16, feature_dim=8, cutoff=4.0)
    x = crystals()
    moved, larger, swapped = x.clone(), x.clone(), x.clone()
    moved["frac"][:, 0] += 0.1
    larger["cell"] *= 1.05
    swapped["species"] = swapped["species"].roll(1, -1)
    for other in (moved, larger, swapped):
        assert (net(other) - net(x)).abs().max() > 1e-4


@pytest.mark.parametrize("kind", KINDS)
def test_angles_are_seen(kind):
    """Two bonds of equal length at 90 and at 180 degrees, neither end bonded to the other."""
    net = build_backbone(kind, hidden=16, feature_dim=8, cutoff=2.0, nearest=None)
    frac = torch.zeros(2, 3, 3)
    frac[:, 1, 0] = 0.15
    frac[0, 2, 1], frac[1, 2, 0] = 0.15, -0.15
    species = torch.zeros(2, 3, 100)
    species[..., 7] = 1.0
    x = pack(frac, species, 10 * torch.eye(3).repeat(2, 1, 1), torch.ones(2, 3, dtype=torch.bool))
    first, second = net(x)
    assert (first - second).abs().max() > 1e-5


def test_unknown_backbone_is_the_users_error():
    with pytest.raises(InputError, match="invariant, equivariant"):
        build_backbone("transformer")


@pytest.fixture
def library():
    still = np.zeros((1, 3, 3))
    free = np.concatenate([np.eye(3)[None], -np.eye(3)[None]])
    orbits = (
        Orbit(still, np.zeros((1, 3)), 0),
        Orbit(free, np.zeros((2, 3)), 3),
    )
    everything = np.ones(6, dtype=bool)
    pair = Template("P-1: a i", 2, np.eye(3), orbits, everything, np.zeros(6))
    alone = Template("P-1: a", 2, np.eye(3), orbits[:1], everything, np.zeros(6))
    return TemplateLibrary.from_templates([pair, alone])


def samples():
    generator = torch.Generator().manual_seed(4)
    species = torch.softmax(torch.randn(3, 2, 100, generator=generator), -1)
    species[2, 1] = 0
    lattice = torch.tensor([2.8, 0.1, 0.2, 0.05, -0.1, 0.1]).repeat(3, 1)
    x = {"template": torch.tensor([0, 0, 1]), "species": species, "lattice": lattice}
    x["coord"] = 0.3 + 0.1 * torch.rand(3, 2, 3, generator=generator)
    return TensorDict(x, batch_size=[3])


@pytest.mark.parametrize("kind", KINDS)
def test_critic_scores_by_projection_and_reaches_every_leaf(kind, library):
    torch.manual_seed(0)
    critic = CrystalCritic(library, condition_dim=5, kind=kind, hidden=16, feature_dim=8)
    x, condition = samples(), torch.randn(3, 5)
    for leaf in ("species", "coord", "lattice"):
        x[leaf].requires_grad_()
    verdict = critic(x, condition, EMPTY)
    assert verdict.score.shape == (3,) and verdict.features.shape == (3, 8)
    # linear in the condition, as a projection is
    without = critic(x, torch.zeros_like(condition), EMPTY).score
    twice = critic(x, 2 * condition, EMPTY).score
    torch.testing.assert_close(twice - without, 2 * (verdict.score - without))
    slopes = torch.autograd.grad(
        verdict.score.sum(), [x["species"], x["coord"], x["lattice"]], create_graph=True
    )
    assert all(slope.abs().max() > 0 for slope in slopes)
    sum(slope.square().sum() for slope in slopes).backward()
    assert critic.backbone.embed.weight.grad.isfinite().all()
    assert not any(isinstance(m, torch.nn.modules.batchnorm._BatchNorm) for m in critic.modules())


def test_scores_do_not_depend_on_the_rest_of_the_batch(library):
    critic = CrystalCritic(library, condition_dim=2)
    x, condition = samples(), torch.randn(3, 2)
    together = critic(x, condition, EMPTY).score
    alone = torch.cat([critic(x[i : i + 1], condition[i : i + 1], EMPTY).score for i in range(3)])
    torch.testing.assert_close(together, alone)


@pytest.mark.parametrize("kind", KINDS)
def test_hparams_rebuild_a_predictor(kind, library):
    first = CrystalPredictor(library, kind=kind, hidden=16, feature_dim=12, nearest=None)
    second = CrystalPredictor(library, **first.hparams)
    second.load_state_dict(first.state_dict())
    x = samples()
    features = first(x, EMPTY)
    assert features.shape == (3, first.feature_dim) == (3, 12)
    torch.testing.assert_close(second(x, EMPTY), features)


def test_the_transformer_over_orbits_is_torchs_own():
    torch.manual_seed(0)
    mixer = SlotTransformer(16, 4, 2).double()
    counts = torch.tensor([1, 3, 20, 4, 9, 5])
    present = torch.arange(20) < counts[:, None]
    tokens = torch.randn(6, 20, 16, dtype=torch.double)
    found = mixer(tokens, present)
    expected = torch.nn.TransformerEncoder.forward(mixer, tokens, src_key_padding_mask=~present)
    torch.testing.assert_close(found[present], expected[present])
    assert not found[~present].any()
