"""Translation between two domains: cycles with known values, whose gradient is whose, learning."""

import io

import pytest
import torch
from rich.console import Console
from tensordict import TensorDict
from torch import nn

from physgan import domain as domains
from physgan.cores import AugmentedCycleGAN, CycleGAN
from physgan.cores.cycle_gan import l1_norm, mean_l1
from physgan.errors import InputError
from physgan.objectives import OBJECTIVES
from physgan.pair import Pair
from physgan.run import Run
from physgan.testing import GaussianRing
from physgan.training.config import RunConfig
from physgan.training.progress import Reporter


class Affine(nn.Module):
    """x -> W x + v, one number of noise added to every coordinate."""

    def __init__(self, weight=None, noise=0.0):
        super().__init__()
        self.linear = nn.Linear(2, 2, dtype=None if weight is None else weight.dtype)
        self.noise = noise
        if weight is not None:
            self.linear.load_state_dict({"weight": weight, "bias": weight.new_zeros(2)})

    def forward(self, x, given, target_given, z):
        return TensorDict({"point": self.linear(x["point"]) + self.noise * z[:, :1]}, x.batch_size)


class AffineRing(GaussianRing):
    """A ring that others are translated to by an affine map, by way of the domain's own hook."""

    def translator(self, source, latent_dim, **options):
        return Affine(**options)


def pair_of(**options):
    return Pair(AffineRing(rows=64, **options), AffineRing(rows=64, **options))


def batch_of(pair, rows=32):
    return pair.load(None, "train").batch[:rows]


def core_of(kind=CycleGAN, pair=None, **options):
    torch.manual_seed(0)
    return kind(pair or pair_of(), **{"regularizer_interval": 1, **options})


A = torch.tensor([[2.0, 1.0], [0.0, 0.5]], dtype=torch.double)
B = torch.tensor([[1.0, -0.3], [0.2, 1.5]], dtype=torch.double)


def with_maps(core, forth, back):
    core.double()
    core.generator_ab, core.generator_ba = Affine(forth).double(), Affine(back).double()
    return core


def far_ring(rows=16):
    """Rows within the limit whatever the map: no projection touches them."""
    batch = batch_of(pair_of(limit=1e9), rows)
    return batch.apply(lambda leaf: leaf.double())


def test_the_inverse_closes_the_cycle():
    core = with_maps(core_of(pair=pair_of(limit=1e9)), A, torch.linalg.inv(A))
    assert core.validation_loss(far_ring())["cycle"].item() == pytest.approx(0, abs=1e-12)


def test_linear_maps_have_the_cycle_loss_of_their_product():
    core, batch = with_maps(core_of(pair=pair_of(limit=1e9)), A, B), far_ring()
    a, b = batch["x", "a", "point"], batch["x", "b", "point"]
    eye = torch.eye(2, dtype=torch.double)
    there = (a @ (B @ A - eye).T).abs().sum(1)
    back = (b @ (A @ B - eye).T).abs().sum(1)
    made = core.translate(batch["x", "a"], batch["given"], "ab")
    norm = l1_norm(core.translate(made, batch["given"], "ba"), batch["x", "a"])
    assert torch.allclose(norm, there, atol=1e-12)
    wanted = (there.mean() + back.mean()) / 2
    assert core.validation_loss(batch)["cycle"].item() == pytest.approx(wanted.item(), abs=1e-12)


def test_the_identity_term_vanishes_at_the_identity():
    core = with_maps(core_of(), torch.eye(2, dtype=torch.double), B)
    batch = far_ring()
    b, a = batch["x", "b", "point"], batch["x", "a", "point"]
    wanted = (a @ B.T - a).abs().mean()
    assert core._identity(batch["x"], batch["given"]).item() == pytest.approx(wanted.item())
    assert len(b) == 16


def test_leaves_of_two_kinds_are_compared_where_both_have_them():
    x = TensorDict({"p": torch.zeros(3, 2), "kind": torch.zeros(3, dtype=torch.long)}, [3])
    y = TensorDict(
        {"p": torch.tensor([[1.0, -2.0]]).expand(3, 2), "kind": torch.ones(3).long()}, [3]
    )
    assert torch.equal(l1_norm(x, y), torch.full((3,), 3.0)) and float(mean_l1(x, y)) == 1.5


class Plus(nn.Module):
    """G(x, z) = x + z with z in the plane."""

    def forward(self, x, given, target_given, z):
        return TensorDict({"point": x["point"] + z}, x.batch_size)


class Minus(nn.Module):
    """E(a, b): what must be added to make b out of a, or a out of b."""

    def __init__(self, sign):
        super().__init__()
        self.sign = sign

    def forward(self, x_a, given_a, x_b, given_b):
        return self.sign * (x_b["point"] - x_a["point"])


def test_the_augmented_cycle_recovers_sample_and_latent():
    """G = a + z, E = b - a: both cycles are zero and the output varies with z."""
    core = core_of(AugmentedCycleGAN, pair_of(limit=1e9), latent_dim=2).double()
    core.generator_ab, core.generator_ba = Plus(), Plus()
    core.encoder_a, core.encoder_b = Minus(-1), Minus(1)
    batch = far_ring()
    last = list(core.turns(lambda: batch, 0))[-1]
    assert float(last.logs["cycle"]) == pytest.approx(0, abs=1e-12)
    assert float(last.logs["latent"]) == pytest.approx(0, abs=1e-12)
    z = torch.randn(2, 16, 2, dtype=torch.double)
    one, two = (core.translate(batch["x", "a"], batch["given"], "ab", v)["point"] for v in z)
    assert torch.allclose(two - one, z[1] - z[0])


def gradients(loss, network):
    wanted = [p for p in network.parameters() if p.requires_grad]
    return torch.autograd.grad(loss, wanted, retain_graph=True, materialize_grads=True)


def play(core, batch, seed=3):
    """Every turn as the trainer differentiates it; yields the turn and the gradients found."""
    torch.manual_seed(seed)
    for turn in core.turns(lambda: batch, step=0):
        core.zero_grad(set_to_none=True)
        for place, loss in enumerate(turn.losses):
            inputs = [
                p for n in loss.players for p in core.players[n].parameters() if p.requires_grad
            ]
            loss.value.backward(inputs=inputs, retain_graph=place + 1 < len(turn.losses))
        yield turn, {n: [p.grad for p in net.parameters()] for n, net in core.players.items()}


@pytest.mark.parametrize("kind", [CycleGAN, AugmentedCycleGAN])
def test_only_the_players_of_a_turn_receive_gradients(kind):
    core = core_of(kind, identity=0.5)
    for turn, found in play(core, batch_of(pair_of())):
        moved = {n for n, each in found.items() if any(g is not None for g in each)}
        assert moved == set(turn.step)


def test_every_gradient_is_that_of_the_networks_own_loss():
    core, batch = core_of(identity=0.5), batch_of(pair_of())
    x, given, opt = batch["x"], batch["given"], core.options
    made = {"b": core.generator_ab(x["a"], given["a"], given["b"], torch.zeros(32, 1)),
            "a": core.generator_ba(x["b"], given["b"], given["a"], torch.zeros(32, 1))}  # fmt: skip
    fake = {s: core._side(s).project(made[s], given[s]) for s in made}
    score = {s: core._side(s).judge(fake[s], given[s]).score for s in fake}
    against = sum((value - 1).square().mean() / 2 for value in score.values())
    total = opt.adversarial * against + opt.cycle * core._cycle(x, fake, given)
    total = total + opt.identity * core._identity(x, given)
    total = total + sum(core._side(s).laws(made[s], given[s])[0] for s in made)
    own = {n: gradients(total, core.players[n]) for n in ("generator_ab", "generator_ba")}
    for s in ("a", "b"):
        side, real = core._side(s), x[s].clone()
        points = real["point"].clone().requires_grad_()
        seen = TensorDict({"point": points}, [32])
        said = side.judge(seen, given[s]).score
        (slope,) = torch.autograd.grad(said.sum(), points, create_graph=True)
        loss = (said - 1).square().mean() / 2
        loss = loss + side.judge(fake[s].detach(), given[s]).score.square().mean() / 2
        loss = loss + 1 / 2 * slope.square().sum(1).mean()
        own[f"critic_{s}"] = gradients(loss, side.critic)
    (_, critics), (_, makers) = list(play(core, batch))
    for name, wanted in own.items():
        found = (critics if name.startswith("critic") else makers)[name]
        assert all(torch.allclose(f, w, atol=1e-6) for f, w in zip(found, wanted, strict=True)), (
            name
        )


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_every_objective_plays(name):
    core = core_of(objective=name)
    turns = list(play(core, batch_of(pair_of())))
    values = [loss.value for turn, _ in turns for loss in turn.losses]
    assert len(turns) == (2 if OBJECTIVES[name].needs_critic else 1)
    assert all(value.isfinite() for value in values)


def test_one_domain_is_refused():
    with pytest.raises(InputError, match="between two domains"):
        CycleGAN(GaussianRing())
    with pytest.raises(InputError, match="no option cicle"):
        core_of(cicle=1.0)


def test_an_identity_needs_the_same_leaves():
    core, batch = core_of(identity=1.0), batch_of(pair_of())
    x = TensorDict({"a": batch["x", "a"], "b": {"other": torch.zeros(32, 2)}}, [32])
    with pytest.raises(InputError, match="same leaves"):
        core._identity(x, batch["given"])


def test_any_two_domains_make_a_run(tmp_path, monkeypatch):
    """Without a translator of their own, and of different sizes; trained, resumed, translated."""
    make = lambda **o: Pair(GaussianRing(rows=40), GaussianRing(modes=3, rows=64))  # noqa: E731
    monkeypatch.setattr(domains, "load", lambda name, **options: make())
    values = {"domain": "pair", "core": "augmented-cycle-gan",
              "trainer": {"steps": 3, "batch_size": 16, "accelerator": "cpu"}}  # fmt: skip
    run = Run.start(tmp_path / "run", RunConfig.from_dict(values))
    assert len(run.data["train"]) == 64
    quiet = Reporter(Console(file=io.StringIO(), force_terminal=False))
    assert run.train(reporter=quiet).step == 3
    opened = Run.open(tmp_path / "run")
    given = TensorDict({"x": run.data["val"].batch["x"][:5]}, [5])
    drawn = opened.sample(5, given=given)
    assert drawn["a", "point"].shape == drawn["b", "point"].shape == (5, 2)
    (first, *_) = opened.domain.decode(drawn)
    assert len(first) == 2 and opened.domain.draw(first).axes
    again, kept = opened.domain.encode([first])
    assert kept == [0] and torch.equal(again["b", "point"][0], drawn["b", "point"][0])
    files = opened.domain.write([first], ["one"], tmp_path)
    assert len(files) == 2 and all(f.exists() for f in files)
    with pytest.raises(InputError, match="samples out of samples"):
        opened.sample(5)


class Halved(nn.Module):
    """A critic that looks at twice x, and judges nothing."""

    def prepare(self, x):
        return x * 2.0

    def forward(self, x, condition, given):
        raise AssertionError("unused")


def test_round_trips_are_measured_in_the_units_of_the_critic():
    core = with_maps(core_of(pair=pair_of(limit=1e9)), A, B)
    batch, wanted = far_ring(), {}
    for s in ("a", "b"):
        back = core.round_trip(batch["x", s], batch["given"], s)
        wanted[s] = mean_l1(back, batch["x", s]).item()
    assert core.validation_loss(batch)["cycle"].item() == pytest.approx(sum(wanted.values()))
    core.side_a.critic, told = Halved(), 2 * wanted["a"] + wanted["b"]
    assert core.validation_loss(batch)["cycle"].item() == pytest.approx(told)
