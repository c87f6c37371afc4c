"""The game on foams: every objective, professor forcing, forms of what critics see."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tensordict import TensorDict

from physgan.conditions import ConditionSchema
from physgan.cores.stepper_gan import StepperGAN
from physgan.objectives import OBJECTIVES
from physgan_foam import FoamDomain, symmetry
from physgan_foam.augment import turned_films
from physgan_foam.initial import voronoi_labels
from physgan_foam.networks.critic import AGREE, film_autoencoder
from physgan_foam.networks.stepper import FoamStepper

SIDE, ROWS = 32, 3
SMALL = {"width": 8, "dilations": (1,)}
PLAYING = {"adversarial": 0.1, "adversarial_from": 0.0, "regularizer_interval": 1}


def films_of(stepper, *labels):
    rows = torch.stack(labels)
    state = TensorDict({"labels": rows, "block": torch.ones(len(rows))}, [len(rows)])
    return stepper.seen(state)["films"]


def foam(seed, height=SIDE, width=SIDE, bubbles=12):
    return torch.from_numpy(voronoi_labels(bubbles, (height, width), seed))


@pytest.fixture(scope="module")
def batch():
    """Windows of two passes in which foams drift by two pixels."""
    first = torch.stack([foam(seed) for seed in range(ROWS)])
    later = torch.stack([first.roll((2 * k, 0), dims=(1, 2)) for k in (1, 2)], dim=1)
    block = torch.ones(ROWS, dtype=torch.int16)
    start = TensorDict({"labels": first, "block": block}, [ROWS])
    after = TensorDict({"labels": later, "block": block[:, None].expand(ROWS, 2)}, [ROWS])
    y = TensorDict({"step": torch.rand(ROWS) + 0.1, "beta": torch.rand(ROWS) + 0.1}, [ROWS])
    return TensorDict({"given": start, "x": after, "y": y}, [ROWS])


def made(batch, **options):
    torch.manual_seed(0)
    domain = FoamDomain(passes=2)
    schema = ConditionSchema(domain.properties, batch["y"])
    options = {"network": SMALL, "critic_network": {"width": 8}, "grow_until": 0.0, **options}
    return StepperGAN(domain, schema, laws=False, **options)


def play(core, batch):
    """One step; the players that moved, in order."""
    optimisers = {n: torch.optim.Adam(net.parameters(), 1e-3) for n, net in core.players.items()}
    moved = []
    for turn in core.turns(lambda: batch, 0):
        core.zero_grad(set_to_none=True)
        (loss,) = turn.losses
        assert math.isfinite(float(loss.value))
        (player,) = turn.step
        own = list(core.players[player].parameters())
        loss.value.backward(inputs=own)
        assert sum(float(p.grad.abs().sum()) for p in own if p.grad is not None) > 0
        optimisers[player].step()
        moved.append(player)
    return moved


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_every_objective_trains_a_step_on_foams(name, batch):
    core = made(batch, objective=name, **PLAYING, passes=1)
    wanted = ["critic", "stepper"] if core.critics.learning else ["stepper"]
    assert play(core, batch) == wanted
    assert all(map(math.isfinite, core.report().values()))


@pytest.mark.parametrize("options", [
    {"augmentation": "domain", "n_critic": 2},
    {"augmentation": "diffaugment", "regularizer": "consistency",
     "regularizer_constants": {"transform": "domain"}},
], ids=["n_critic", "consistency"])  # fmt: skip
def test_critics_of_foams_see_them_augmented(options, batch):
    core = made(batch, **PLAYING, **options)
    moves = options.get("n_critic", 1)
    assert play(core, batch) == ["critic"] * moves + ["stepper"]


@pytest.mark.parametrize("kind", ["pointer", "unet"])
def test_professor_forcing_trains_steppers_of_foams(kind, batch):
    network = SMALL if kind == "pointer" else {"width": 8, "kind": "unet"}
    rules = {"critic": 1.0, "stepper": 0.0, "width": 8}
    core = made(batch, professor=0.1, professor_constants=rules, network=network)
    assert core.stepper.behaviour_dim == 8
    if kind == "pointer":
        torch.nn.init.normal_(core.stepper.net.head.weight, std=0.3)
    assert play(core, batch) == ["behaviour", "stepper"]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6), st.sampled_from([(16, 16), (16, 24)]))
def test_films_of_a_turned_foam_are_the_turned_films(seed, shape):
    stepper, labels = FoamStepper(2, **SMALL), foam(seed, *shape)
    row = symmetry.draw(1, *shape, torch.Generator().manual_seed(seed))[0]
    form = symmetry.read(row)
    found = turned_films(form, films_of(stepper, labels)[0])
    assert torch.equal(found, films_of(stepper, form.apply(labels))[0])


def test_soft_films_turn_as_those_of_the_turned_prediction():
    torch.manual_seed(0)
    stepper, labels = FoamStepper(2, **SMALL), foam(1)
    torch.nn.init.normal_(stepper.net.head.weight, std=0.3)
    state = TensorDict({"labels": labels[None], "block": torch.ones(1)}, [1])
    prediction, _ = stepper(state, torch.randn(1, 2), None, None)
    soft = stepper.foreseen(prediction, state)["films"][0]
    form = symmetry.Symmetry(True, 1, 3, 5)
    order = torch.tensor(form.offsets()).argsort()
    turned = {n: form.apply(prediction[n][0][order])[None] for n in ("logits", "around")}
    wanted = stepper.foreseen(TensorDict(turned, [1]), state)["films"][0]
    assert torch.allclose(turned_films(form, soft), wanted, atol=1e-6)


def test_both_states_of_a_pair_are_turned_alike_and_gradients_pass():
    domain, stepper = FoamDomain(), FoamStepper(2, **SMALL)
    films = films_of(stepper, *(foam(seed) for seed in range(8))).requires_grad_()
    pair = {n: TensorDict({"films": k * films}, [8]) for n, k in (("before", 1), ("after", 2))}
    torch.manual_seed(0)
    found = domain.augment(TensorDict(pair, [8]))
    assert torch.equal(found["after", "films"], 2 * found["before", "films"])
    changed = [not torch.equal(a, b) for a, b in zip(found["before", "films"], films, strict=True)]
    assert sum(changed) >= 7
    found["after", "films"].sum().backward()
    assert torch.equal(films.grad, torch.full_like(films, 2.0))


def test_energies_of_foams_are_in_units_of_their_variance():
    films = films_of(FoamStepper(2, **SMALL), *(foam(seed, 64, 64, 64) for seed in range(4)))
    assert float(films.mean()) == pytest.approx(AGREE, abs=0.05)
    critic = film_autoencoder(2, width=8)
    for parameter in critic.read.parameters():
        torch.nn.init.zeros_(parameter)
    energy = critic(TensorDict({"films": films}, [4]), torch.zeros(4, 2), TensorDict({}, [4])).score
    assert float(energy.mean()) == pytest.approx(1.0, abs=0.25)
