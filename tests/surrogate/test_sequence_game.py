"""The game on fields: every objective, augmentation, further moves of the critic."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from spreading import PLAYING, ROWS, SMALL, gradients, made
from tensordict import TensorDict

from physgan.cores.window import before, whole
from physgan.domain import Verdict
from physgan.errors import InputError
from physgan.objectives import OBJECTIVES
from physgan.surrogate.field_autoencoder import FieldAutoencoder
from physgan.surrogate.periodic import shifted


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_every_objective_trains_steps_on_fields(name):
    noisy = {**SMALL, "noise_channels": 1}
    core, train = made(objective=name, **PLAYING, network=noisy)
    optimisers = {n: torch.optim.Adam(net.parameters(), 1e-3) for n, net in core.players.items()}
    stepped = []
    for step in range(2):
        for turn in core.turns(lambda: train[:ROWS], step):
            found = gradients(turn, core)
            for player, size in found.items():
                assert (size > 0) == (player in turn.step), player
            again = turn.again()
            for one, two in zip(turn.losses, again, strict=True):
                torch.testing.assert_close(one.value, two.value)
            for player in turn.step:
                optimisers[player].step()
            stepped += turn.step
    wanted = ["critic", "stepper"] if core.critics.learning else ["stepper"]
    assert stepped == wanted * 2 and all(map(math.isfinite, core.report().values()))


def test_without_a_critic_the_data_are_compared():
    core, train = made(objective="gmmn", **PLAYING, pairs=False, passes=1, laws=False)
    assert list(core.players) == ["stepper"]
    window = whole(train[:ROWS], 1)
    condition = core.schema(window.y)
    (run,) = core._runs(window, True)

    def rows(state):
        seen = (state["field"] - core.stepper.mean) / core.stepper.std
        return torch.cat([seen.flatten(1), condition], dim=1)

    judge = core.critics["states"]
    real, fake = rows(window.truth[1]), rows(run[0].after)
    none = torch.zeros(ROWS)
    wanted = judge.objective.generator_loss(Verdict(none, real), Verdict(none, fake))
    (turn,) = core.turns(lambda: train[:ROWS], 0)
    assert float(turn.logs["adversarial"]) == pytest.approx(float(wanted), rel=1e-5)


def test_several_fakes_are_independent_draws_of_what_may_follow():
    noisy = {**SMALL, "noise_channels": 1}
    core, train = made(objective="cramer", **PLAYING, network=noisy)
    torch.nn.init.normal_(core.stepper.read.weight, std=0.3)
    window = whole(train[:ROWS], 2)
    one, two = core._runs(window, True)
    assert not torch.allclose(one[0].after["field"], two[0].after["field"], atol=1e-3)
    assert len(core._runs(window, False)) == 1, "nobody reads a second one yet"
    core, train = made(objective="cramer", **PLAYING)
    one, two = core._runs(window, True)
    assert one is two, "without noise the second run is the first"


@pytest.mark.parametrize("shape", [(8, 8), (16, 8), (7, 5), (3, 2)])
def test_the_energy_is_the_error_of_the_reconstruction_on_any_grid(shape):
    torch.manual_seed(0)
    critic = FieldAutoencoder(3, 2, width=8, code=4, mean=0.5, deviation=2.0)
    sides = {n: TensorDict({"field": torch.randn(4, c, *shape)}, [4]) for n, c in (("before", 1), ("after", 2))}  # fmt: skip  # noqa: E501
    x, told = TensorDict(sides, [4]), torch.randn(4, 2)
    verdict = critic(x, told, TensorDict({}, [4]))
    back = verdict.reconstruction
    gaps = [(back[n, "field"] - x[n, "field"]) / 2.0 for n in ("before", "after")]
    wanted = torch.cat(gaps, dim=1).square().mean(dim=(1, 2, 3))
    assert torch.allclose(verdict.score, wanted, atol=1e-6)
    cells = math.ceil(shape[0] / 8) * math.ceil(shape[1] / 8)
    assert verdict.features.shape == (4, 4 * cells)
    alone = critic(x[1:2], told[1:2], TensorDict({}, [1]))
    assert torch.allclose(alone.score, verdict.score[1:2], atol=1e-6), "rows do not see each other"
    other = critic(x, told + 1, TensorDict({}, [4]))
    assert not torch.allclose(other.score, verdict.score), "the condition is told"


def test_saying_the_mean_costs_about_one_on_the_data():
    core, train = made(objective="ebgan", **PLAYING, pairs=False)
    critic = core.critics["states"].critic
    for parameter in critic.read.parameters():
        torch.nn.init.zeros_(parameter)
    seen = core.stepper.seen(before(train))
    energy = critic(seen, core.schema(train["y"]), TensorDict({}, [len(train)])).score
    assert float(energy.mean()) == pytest.approx(1.0, rel=0.02)


def forms(field, turned):
    """Every form ``(n, C, H, W)`` that a row ``(C, H, W)`` may have."""
    faces = [field]
    if turned:
        square = field.shape[1] == field.shape[2]
        faces = [f for a in (field, field.flip(1)) for f in (a, a.flip(2))]
        faces += [f.transpose(1, 2) for f in faces] if square else []
    return torch.stack([
        face.roll((i, j), dims=(1, 2))
        for face in faces for i in range(face.shape[1]) for j in range(face.shape[2])
    ])  # fmt: skip


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**6), st.booleans(), st.sampled_from([(4, 4), (3, 5)]))
def test_rows_are_moved_to_forms_of_the_torus_alike_in_all_leaves(seed, turned, shape):
    torch.manual_seed(seed)
    field = torch.randn(5, 2, *shape)
    sides = {n: TensorDict({"field": field * k}, [5]) for n, k in (("before", 1), ("after", 3))}
    found = shifted(TensorDict(sides, [5]), turned)
    assert torch.equal(found["after", "field"], 3 * found["before", "field"])
    for row, moved in zip(field, found["before", "field"], strict=True):
        assert bool((forms(row, turned) == moved).flatten(1).all(dim=1).any())


def test_every_form_is_drawn():
    torch.manual_seed(0)
    field = torch.arange(9.0).reshape(1, 1, 3, 3).expand(3000, 1, 3, 3)
    for turned, count in ((False, 9), (True, 72)):
        found = shifted(TensorDict({"field": field}, [3000]), turned)["field"]
        kinds, often = found.flatten(1).unique(dim=0, return_counts=True)
        assert len(kinds) == count
        assert float(often.max()) < 2 * 3000 / count + 30, "and evenly"


def test_gradients_go_back_through_the_form():
    field = torch.randn(4, 1, 4, 4, requires_grad=True)
    weight = torch.randn(4, 1, 4, 4)
    torch.manual_seed(1)
    (shifted(TensorDict({"field": field}, [4]), True)["field"] * weight).sum().backward()
    for row, wanted in zip(field.grad, weight, strict=True):
        assert torch.equal(row.flatten().sort().values, wanted.flatten().sort().values)


def test_critics_see_real_and_fake_augmented():
    core, train = made(**PLAYING, augmentation="domain", regularizer="none", passes=1)
    judge, seen = core.critics["pairs"], []
    judge.critic.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    turns = core.turns(lambda: train[:ROWS], 0)
    next(turns)
    real = core.stepper.seen(before(train[:ROWS]))["field"]
    for shown in seen:  # of real and of fake pairs, which begin alike
        found = shown["before", "field"]
        assert not torch.equal(found, real)
        assert torch.equal(found.flatten(1).sort().values, real.flatten(1).sort().values)
    assert len(seen) == 2
    next(turns)
    assert len(seen) == 3, "what the stepper made passes through it too"
    list(turns)


def test_adaptive_augmentation_follows_the_scores_of_real_samples():
    ada = {"adaptive": True, "images": 24, "interval": 1, "target": -0.5}
    core, train = made(**PLAYING, augmentation="domain", augmentation_constants=ada)
    assert core.report()["states_augmentation_probability"] == 0.0
    with torch.no_grad():
        for judge in core.critics.each().values():
            judge.critic.score.bias += 100.0
    list(core.turns(lambda: train[:ROWS], 0))
    # All signs are positive, above the target: p rises by rows over images, both passes counted.
    assert core.report()["states_augmentation_probability"] == pytest.approx(2 * ROWS / 24)
    with pytest.raises(InputError, match="sign of scores"):
        made(**PLAYING, objective="wgan", augmentation="domain", augmentation_constants=ada)


@pytest.mark.parametrize("options", [{}, {"replay": 0.5}, {"gradient": "last"}], ids=str)
def test_the_critic_moves_so_often_each_time_on_rows_of_its_own(options):
    core, train = made(**PLAYING, n_critic=3, **options)
    drawn = []

    def draw():
        drawn.append(len(drawn))
        return train[ROWS * len(drawn) : ROWS * (len(drawn) + 1)]

    steps = []
    for turn in core.turns(draw, 0):
        found = gradients(turn, core)
        assert {n for n, size in found.items() if size > 0} == set(turn.step)
        steps += turn.step
    assert steps == ["critic"] * 3 + ["stepper"] and len(drawn) == 3
    core.progress = -1.0
    assert [t.step for t in core.turns(draw, 0)] == [("stepper",)] and len(drawn) == 4


@pytest.mark.parametrize("name", ["ebgan", "mmd-gan", "gmmn", "hinge"])
def test_the_game_is_played_in_half_precision(name):
    network = {**SMALL, "memory": 3}
    core, train = made(objective=name, **PLAYING, professor=0.1, network=network)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        for turn in core.turns(lambda: train[:ROWS], 0):
            found = gradients(turn, core)
            assert any(found[player] > 0 for player in turn.step)
            assert all(loss.value.dtype == torch.float32 for loss in turn.losses)
