"""Every objective of the catalogue, played by the cores of one domain on the ring of Gaussians."""

import math

import pytest
import torch

from physgan.autoencoder_critic import AutoencodingCritic
from physgan.conditions import ConditionSchema
from physgan.cores import VAEGAN, BiGAN, PhysicsGAN
from physgan.domain import Verdict
from physgan.objectives import OBJECTIVES
from physgan.testing import GaussianRing
from physgan.training.step import Game

DOMAIN = GaussianRing(rows=64)
DATA = DOMAIN.load(None, "train").batch
SCHEMA = ConditionSchema(DOMAIN.properties, DATA["y"])
ROWS = 16
each = pytest.mark.parametrize("name", sorted(OBJECTIVES))


def core_of(kind, name, **options):
    torch.manual_seed(0)
    small = {"latent_dim": 4, "condition_drop": 0.0, "objective": name, "regularizer_interval": 1}
    start = {"start": 0} if kind is VAEGAN else {}
    return kind(DOMAIN, SCHEMA, **{**small, **start, **options})


def gradients(turn, core):
    """Differentiate as the game does; what every player's parameters got."""
    core.zero_grad(set_to_none=True)
    for place, loss in enumerate(turn.losses):
        inputs = [p for n in loss.players for p in core.players[n].parameters()]
        loss.value.backward(inputs=inputs, retain_graph=place + 1 < len(turn.losses))
    return {n: [p.grad for p in net.parameters()] for n, net in core.players.items()}


def own(loss, network):
    return torch.autograd.grad(loss, list(network.parameters()), materialize_grads=True)


def same(found, wanted):
    """Equal gradients; a parameter that nothing reached counts as zero."""
    return all(
        torch.allclose(torch.zeros_like(b) if a is None else a, b, atol=1e-6)
        for a, b in zip(found, wanted, strict=True)
    )


def silent(found):
    return all(g is None for g in found)


@each
def test_in_the_physics_gan_every_gradient_is_that_of_the_players_own_loss(name):
    core, batch = core_of(PhysicsGAN, name, regularizer="none", laws=False), DATA[:ROWS]
    objective, x, given = core.objective, batch["x"], batch["given"]
    objective.after_critic_step = lambda *_: None  # no clipping between the two turns
    condition = SCHEMA(batch["y"])

    torch.manual_seed(3)
    SCHEMA.drop(condition, 0.0)
    fakes = [
        core._project(core.generator(torch.randn(ROWS, 4), condition, given), given)
        for _ in range(objective.fakes)
    ]

    def verdict(sample):
        if objective.needs_critic:
            return core.critic(sample, condition, given)
        return Verdict(torch.zeros(ROWS), torch.cat([sample["point"], condition], dim=1))

    real = verdict(x)
    against = objective.generator_loss(real, *map(verdict, fakes))
    wanted = {}
    if objective.needs_critic:
        aside = [verdict(fake.detach()) for fake in fakes]
        critic_loss = objective.critic_loss(real, *aside)
        critic_loss = critic_loss + core.heads.loss(real.features, condition)
        wanted["critic"] = own(critic_loss, core.players["critic"])
        auxiliary = core.heads.loss(verdict(fakes[0]).features, condition)
        against = against + core.options.auxiliary * auxiliary
    wanted["generator"] = own(against, core.generator)

    torch.manual_seed(3)
    turns = core.turns(lambda: batch, step=0)
    if objective.needs_critic:
        found = gradients(next(turns), core)
        assert same(found["critic"], wanted["critic"]) and silent(found["generator"])
    found = gradients(next(turns), core)
    assert same(found["generator"], wanted["generator"])
    assert set(core.players) == set(wanted)
    assert "critic" not in found or silent(found["critic"])


@each
def test_in_the_vae_gan_no_gradient_leaks(name):
    core, batch = core_of(VAEGAN, name), DATA[:ROWS]
    steps = []
    for turn in core.turns(lambda: batch, step=9):
        found = gradients(turn, core)
        assert all(torch.isfinite(loss.value) for loss in turn.losses)
        for player, got in found.items():
            assert silent(got) == (player not in turn.step), player
        steps.append(turn.step)
    makers = ("encoder", "generator", "prior")
    assert steps == ([("critic",), makers] if core.objective.needs_critic else [makers])
    # What encoder and prior got is the gradient of the ELBO alone, whatever the objective.
    plain = core_of(VAEGAN, name, adversarial=0.0, laws=False)
    torch.manual_seed(5)
    (turn,) = plain.turns(lambda: batch, step=9)
    elbo = gradients(turn, plain)
    core = core_of(VAEGAN, name, laws=False)
    core.load_state_dict(plain.state_dict(), strict=False)
    torch.manual_seed(5)
    *_, turn = core.turns(lambda: batch, step=9)
    found = gradients(turn, core)
    for player in ("encoder", "prior"):
        assert same(found[player], [torch.zeros(1) if g is None else g for g in elbo[player]])
    pairs = zip(found["generator"], elbo["generator"], strict=True)
    assert any(not torch.equal(a, b) for a, b in pairs), "the generator also plays the game"


@each
@pytest.mark.parametrize("kind", [PhysicsGAN, VAEGAN, BiGAN])
def test_some_steps_stay_finite_and_move_every_player(kind, name):
    core = core_of(kind, name, n_critic=2)
    before = {n: [p.clone() for p in net.parameters()] for n, net in core.players.items()}
    optimisers = {n: torch.optim.Adam(net.parameters(), 1e-3) for n, net in core.players.items()}
    for step in range(4):
        for turn in core.turns(lambda: DATA[:ROWS], step):
            gradients(turn, core)
            assert all(math.isfinite(loss.value.item()) for loss in turn.losses)
            for player in turn.step:
                optimisers[player].step()
    for player, network in core.players.items():
        moved = [not torch.equal(a, b) for a, b in zip(before[player], network.parameters())]  # noqa: B905
        assert any(moved), player
    assert all(map(math.isfinite, core.report().values()))


def test_state_follows_the_critics_moves():
    """BEGAN's balance after two moves, from the energies of the two."""
    core, k = core_of(PhysicsGAN, "began", n_critic=2, regularizer="none"), 0.0
    seen = []
    forward = core.critic.forward

    def spy(*arguments):
        verdict = forward(*arguments)
        seen.append(verdict.score.mean().item())
        return verdict

    core.critic.forward = spy
    list(core.turns(lambda: DATA[:ROWS], 0))
    for real, fake in (seen[:2], seen[2:4]):
        k = min(1.0, max(0.0, k + 0.001 * (0.5 * real - fake)))
    assert core.report()["objective_k"] == pytest.approx(k, abs=1e-7)
    assert "objective.k" in core.state_dict()


def test_a_domain_without_an_autoencoder_of_its_own_plays_with_the_plain_one(monkeypatch):
    monkeypatch.delattr(GaussianRing, "autoencoder_critic")
    core = core_of(PhysicsGAN, "ebgan")
    assert isinstance(core.critic, AutoencodingCritic)
    for turn in core.turns(lambda: DATA[:ROWS], 0):
        assert all(math.isfinite(loss.value.item()) for loss in turn.losses)


def test_a_critic_is_regularised_by_its_witness_function():
    """Under mean matching the score gets no gradient; what tells real from fake does."""
    core = core_of(PhysicsGAN, "mcgan-mean", regularizer_constants={"gamma": 5.0})
    bare = core_of(PhysicsGAN, "mcgan-mean", regularizer="none")
    torch.manual_seed(1)
    found = gradients(next(core.turns(lambda: DATA[:ROWS], 0)), core)["critic"]
    torch.manual_seed(1)
    plain = gradients(next(bare.turns(lambda: DATA[:ROWS], 0)), bare)["critic"]
    assert not same(found, [torch.zeros(1) if g is None else g for g in plain])


@pytest.mark.parametrize("name", ["rpgan", "cramer", "mmd-gan"])
@pytest.mark.parametrize("kind", [PhysicsGAN, VAEGAN])
def test_a_turn_can_be_computed_again(kind, name):
    """At the same weights the second time is the first, random numbers included."""
    core = core_of(kind, name, regularizer="gp", regularizer_interval=2)
    for step in range(2):
        for turn in core.turns(lambda: DATA[:ROWS], step):
            calls, state = core.regularizer.calls, torch.get_rng_state()
            again = turn.again()
            assert [loss.players for loss in again] == [loss.players for loss in turn.losses]
            for one, two in zip(turn.losses, again, strict=True):
                torch.testing.assert_close(one.value, two.value)
            assert calls == core.regularizer.calls and torch.equal(state, torch.get_rng_state())


def test_the_game_is_not_touched_by_names():
    """No branch on the name of an objective anywhere, and no name in the game itself."""
    import inspect
    import re
    from pathlib import Path

    import physgan
    import physgan_terrain
    from physgan.cores import adversarial, physics_gan, vae_gan

    core = Path(physgan.__file__).parent
    domains = Path(physgan_terrain.__file__).parents[1].glob("physgan_*/**/*.py")
    files = [*core.rglob("*.py"), *domains]
    assert len(files) > 200
    for file in files:
        branch = re.search(r"objective\W*(name)?\W*(==|!=| in [(\[{])", file.read_text("utf-8"))
        assert branch is None, f"{file} branches on an objective: {branch}"
    for module in (adversarial, physics_gan, vae_gan, inspect.getmodule(Game)):
        source = inspect.getsource(module)
        named = [n for n in OBJECTIVES if f'"{n}"' in source and n != "rpgan"]
        assert not named, f"{module.__name__} names {named}"
