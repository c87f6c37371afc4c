"""Critics that are autoencoders: every shipped domain has one, and its error is what it says."""

from functools import cache

import pytest
import torch
from tensordict import TensorDict
from torch import nn

from physgan.autoencoder_critic import AutoencodingCritic, shapes_of
from physgan.conditions import ConditionSchema
from physgan.cores import PhysicsGAN
from physgan.domain import Domain, load
from physgan.testing import GaussianRing
from physgan.testing.contract import _check_autoencoder

SHIPPED = ("terrain", "protein", "crystal")
NOTHING = TensorDict({}, [6])


def batch(rows=6):
    x = {
        "row": torch.randn(rows, 3) * torch.tensor([1.0, 100.0, 0.0]) + 5,
        "grid": 40 + 7 * torch.randn(rows, 2, 4),
        "kind": torch.arange(rows) % 2,
    }
    return TensorDict(x, [rows])


def critic(**options):
    torch.manual_seed(0)
    return AutoencodingCritic(2, {"row": (3,), "grid": (2, 4)}, width=16, feature_dim=5, **options)


@pytest.fixture(scope="module")
def shipped():
    """By name a domain, the schema of its embedded data, and some rows of them."""

    @cache
    def loaded(name):
        domain = load(name)
        rows = domain.load(None, "train").batch
        return domain, ConditionSchema(domain.properties, rows["y"]), rows[:16]

    return loaded


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_domain_has_one_that_keeps_the_contract(shipped, name):
    domain, schema, rows = shipped(name)
    _check_autoencoder(domain, rows, schema(rows["y"]))


def test_shapes_are_those_of_the_data_and_cost_no_random_numbers():
    ring, before = GaussianRing(rows=8), torch.get_rng_state()
    assert shapes_of(ring) == {"point": torch.Size([2])}
    assert torch.equal(before, torch.get_rng_state())
    assert Domain.autoencoder_critic(ring, 3, width=8, layers=9).feature_dim == 32


def test_an_exact_copy_has_no_error():
    net, x = AutoencodingCritic(0, {"row": (3,), "grid": (2, 4)}), batch()
    net.code = net.back = nn.Identity()
    said = net(x, torch.zeros(6, 0), NOTHING)
    assert torch.allclose(said.score, torch.zeros(6))
    for key in ("row", "grid"):
        assert torch.allclose(said.reconstruction[key], x[key], rtol=1e-5)


def test_an_error_is_in_units_of_the_datas_variance():
    """What says the mean whatever it sees errs by the variance: one, averaged over the first
    batch; the number that never varies adds nothing to the three of its leaf."""
    net, x = critic(), batch()
    for p in net.back.parameters():
        nn.init.zeros_(p)
    score = net(x, torch.zeros(6, 2), NOTHING).score
    assert float(score.mean()) == pytest.approx((2 / 3 + 1) / 2, rel=1e-4)
    said = net(x[:2], torch.zeros(2, 2), NOTHING[:2])
    assert torch.allclose(said.score, score[:2])
    assert torch.allclose(said.reconstruction["grid"], x["grid"].mean().expand(2, 2, 4))
    assert torch.allclose(said.reconstruction["row"], x["row"].mean(dim=0).expand(2, 3))


def test_scales_travel_with_the_weights_and_later_batches_do_not_move_them():
    net, twin, x = critic(), critic(), batch()
    ask = torch.zeros(6, 2)
    first = net(x, ask, NOTHING).score
    net(batch(), ask, NOTHING)
    twin.load_state_dict(net.state_dict())
    assert torch.equal(twin(x, ask, NOTHING).score, first)
    unmeasured = critic().eval()
    unmeasured(x, ask, NOTHING)
    assert not unmeasured.measured


def test_coder_and_decoder_see_conditions_and_what_they_are_told():
    net, x = critic(told={"kind": 2}), batch()
    score = net(x, torch.zeros(6, 2), NOTHING).score
    assert not torch.allclose(net(x, torch.ones(6, 2), NOTHING).score, score)
    other = x.clone()
    other["kind"] = 1 - x["kind"]
    assert not torch.allclose(net(other, torch.zeros(6, 2), NOTHING).score, score)


def test_it_learns_to_tell_data_from_noise():
    """Rows on a line are copied, rows off it are not."""
    torch.manual_seed(0)
    net = AutoencodingCritic(0, {"row": (4,)}, width=32, feature_dim=1)
    line = torch.randn(256, 1) * torch.tensor([1.0, -2.0, 3.0, 0.5])
    optimiser = torch.optim.Adam(net.parameters(), 3e-3)
    ask, given = torch.zeros(256, 0), TensorDict({}, [256])
    for _ in range(200):
        optimiser.zero_grad()
        net(TensorDict({"row": line}, [256]), ask, given).score.mean().backward()
        optimiser.step()
    off = line[:, [0]] * torch.tensor([1.0, 2.0, -3.0, 0.5])
    near, far = (net(TensorDict({"row": r}, [256]), ask, given).score.mean() for r in (line, off))
    assert near < 0.05 and far > 20 * near


@pytest.mark.parametrize("objective", ["ebgan", "began", "magan", "mmd-gan"])
@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_domain_trains_with_every_objective_of_energies(shipped, name, objective):
    """With the options that the domain recommends, those of its other critic among them."""
    domain, schema, rows = shipped(name)
    torch.manual_seed(0)
    options = domain.recommended()["cores"]["physics-gan"] | {"regularizer_interval": 1}
    core = PhysicsGAN(domain, schema, **{**options, "objective": objective})
    critic = core.players["critic"]
    before = [p.clone() for p in critic.parameters()]
    optimisers = {n: torch.optim.Adam(net.parameters(), 1e-3) for n, net in core.players.items()}
    for step in range(2):
        for turn in core.turns(lambda: rows[:4], step):
            core.zero_grad()
            for loss in turn.losses:
                inputs = [p for n in loss.players for p in core.players[n].parameters()]
                loss.value.backward(inputs=inputs)
                assert torch.isfinite(loss.value)
            for player in turn.step:
                optimisers[player].step()
    assert all(p.isfinite().all() for p in core.parameters())
    assert any(not torch.equal(a, b) for a, b in zip(before, critic.parameters(), strict=True))
