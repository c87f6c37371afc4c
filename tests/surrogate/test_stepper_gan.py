"""The surrogate's core: gradients go as far as they should, and it finds the diffusivity."""

import math

import pytest
import torch
from heat import POINTS, TRUE, ConservingHeat, HeatDomain, decayed
from tensordict import TensorDict

from physgan.conditions import ConditionSchema
from physgan.cores import StepperGAN
from physgan.cores.window import before
from physgan.errors import InputError
from physgan.objectives import OBJECTIVES
from physgan.sequences import frames_of
from physgan.surrogate.windows import windows
from physgan.testing.gaussians import GaussianRing
from physgan.training import Trainer, TrainerOptions


def made(domain=None, **options):
    domain = domain or HeatDomain()
    train = domain.load(None, "train").batch
    schema = ConditionSchema(domain.properties, train["y"])
    torch.manual_seed(0)
    return StepperGAN(domain, schema, **options), train


def fit(core, train, folder, steps=60, **options):
    rest = {"lr": 0.03, "warmup_steps": 0, "batch_size": 16, "accelerator": "cpu", "schedule": "constant"}  # fmt: skip  # noqa: E501
    setting = TrainerOptions(**{**rest, "steps": steps, **options})
    trainer = Trainer(core, train, train[:20], setting, folder)
    trainer.fit()
    return trainer


def gradients(core, train, passes):
    """d loss / d D when the step makes ``passes`` passes, and the stepper's calls."""
    core.progress = 1.0
    core.stepper.calls = 0
    (turn,) = core.turns(lambda: train[:8], 0)
    (loss,) = turn.losses
    return torch.autograd.grad(loss.value, core.stepper.diffusivity)[0]


def test_a_mode_decays_as_diffusion_says():
    x = torch.arange(POINTS) * 2 * math.pi / POINTS
    step = torch.tensor([0.7])
    after = decayed(torch.cos(3 * x)[None], 0.2, step)
    assert torch.allclose(after, math.exp(-0.2 * 9 * 0.7) * torch.cos(3 * x), atol=1e-6)


@pytest.mark.parametrize(
    "options",
    [{}, {"gradient": "last"}, {"gradient": "all"}, {"replay": 0.5}, {"adversarial": 0.001}],
    ids=str,
)
def test_it_finds_the_diffusivity(options, tmp_path):
    core, train = made(adversarial_from=0.2, **options)
    fit(core, train, tmp_path / "run")
    assert float(core.stepper.diffusivity) == pytest.approx(TRUE, rel=0.05)
    held = core.validation_loss(HeatDomain().load(None, "val").batch)
    still = (train["x"]["field"][:, -1] - train["given"]["field"]).square().mean()
    assert float(held["error"]) < 0.01 * float(still)


def test_pushforward_has_no_gradient_through_earlier_passes():
    core, train = made(gradient="last", laws=False, passes=2, grow_until=0)
    window = train[:8]
    torch.manual_seed(3)
    while True:
        core.stepper.calls = 0
        found = gradients(core, window, 2)
        if core.stepper.calls == 2:
            break
    with torch.no_grad():
        start = core.stepper.diffusivity.clone()
        first = decayed(window["given"]["field"], start, window["y"]["step"])
    inner = start.clone().requires_grad_()
    last = decayed(first, inner, window["y"]["step"])
    loss = (last - window["x"]["field"][:, 1]).square().mean()
    assert torch.allclose(found, torch.autograd.grad(loss, inner)[0], rtol=1e-3)


@pytest.mark.parametrize("mode", ["each", "all"])
def test_gradients_of_two_passes_are_those_of_the_formula(mode):
    core, train = made(gradient=mode, laws=False, passes=2, grow_until=0)
    found = gradients(core, train, 2)
    window, d = train[:8], core.stepper.diffusivity.detach().clone().requires_grad_()
    y = window["y"]["step"]
    first = decayed(window["given"]["field"], d, y)
    second = decayed(first if mode == "all" else first.detach(), d, y)
    errors = [
        (a - window["x"]["field"][:, k]).square().mean() for k, a in enumerate((first, second))
    ]
    wanted = torch.autograd.grad(torch.stack(errors).mean(), d)[0]
    assert torch.allclose(found, wanted, rtol=1e-3)


def test_passes_grow_with_the_training():
    core, train = made(grow_until=0.5)
    counts = []
    for share in (0.0, 0.13, 0.3, 0.5, 1.0):
        core.progress, core.stepper.calls = share, 0
        list(core.turns(lambda: train[:4], 0))
        counts.append(core.stepper.calls)
    assert counts == [1, 2, 3, 4, 4]


def test_without_weight_no_critic_is_built():
    core, _ = made()
    assert list(core.players) == ["stepper"] and not core.critics
    core, _ = made(adversarial=0.1, states=False)
    assert list(core.critics) == ["pairs"]


def test_critics_rest_until_their_share_of_the_training():
    core, train = made(adversarial=0.1, adversarial_from=0.5)
    core.progress = 0.49
    assert [t.step for t in core.turns(lambda: train[:4], 0)] == [("stepper",)]
    core.progress = 0.5
    assert [t.step for t in core.turns(lambda: train[:4], 0)] == [("critic",), ("stepper",)]


def test_each_side_gets_the_gradient_of_its_own_loss_alone():
    core, train = made(adversarial=0.1, adversarial_from=0.0)
    for turn in core.turns(lambda: train[:4], 0):
        core.zero_grad(set_to_none=True)
        (loss,) = turn.losses
        own = [p for n in loss.players for p in core.players[n].parameters()]
        loss.value.backward(inputs=own)
        reached = {n for n, net in core.players.items() for p in net.parameters() if p.grad is not None}  # fmt: skip  # noqa: E501
        assert reached == set(loss.players) == set(turn.step)
        if turn.again is not None:
            assert torch.allclose(turn.again()[0].value, loss.value)


def test_a_broken_law_raises_its_multiplier_and_a_projection_heals_it():
    network = {"leak": 0.05}
    core, train = made(network=network)
    for _ in range(5):
        list(core.turns(lambda: train[:8], 0))
    assert core.report()["drift/multiplier"] > 0
    healed, train = made(ConservingHeat(), network=network)
    found = healed.validation_loss(train[:8])
    assert float(found["law_drift"]) == pytest.approx(0.05, rel=1e-3), "of what it said itself"
    after, _ = healed.advance(before(train[:8]), train[:8]["y"])
    shift = after["field"].mean(dim=1) - train[:8]["given"]["field"].mean(dim=1)
    assert float(shift.abs().max()) < 1e-6


def test_professor_forcing_plays_on_the_memory(tmp_path):
    core, train = made(professor=0.1, network={"memory": 5})
    assert "behaviour" in core.players
    turns = list(core.turns(lambda: train[:8], 0))
    assert [t.step for t in turns] == [("behaviour",), ("stepper",)]
    assert {"accuracy", "professor"} <= set(turns[0].logs) | set(turns[1].logs)
    fit(core, train, tmp_path / "run")
    assert float(core.stepper.diffusivity) == pytest.approx(TRUE, rel=0.05)


def same(a, b):
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


@pytest.mark.parametrize("options", [{"replay": 0.5}, {"adversarial": 0.1, "gradient": "last"}], ids=str)  # fmt: skip  # noqa: E501
def test_a_resumed_run_is_bitwise_the_unbroken_one(options, tmp_path):
    def trainer(folder, seed=0):
        core, train = made(network={"spread": 0.1}, adversarial_from=0.3, **options)
        setting = TrainerOptions(steps=10, batch_size=8, checkpoint_every=4, validate_every=5, accelerator="cpu")  # fmt: skip  # noqa: E501
        return Trainer(core, train, train[:8], setting, tmp_path / folder)

    whole, first = trainer("whole"), trainer("parts")
    whole.fit()
    first.fit(until=5)
    again = trainer("parts")
    again.fit(resume=True)
    (tensors, state), (others, state_again) = whole.checkpoints.load(), again.checkpoints.load()
    assert same(tensors, others)
    for key in ("optimisers", "rng", "extra", "cursor"):
        assert same(state[key], state_again[key]), key
    if "replay" in options:
        assert state["extra"]["own_states._extra_state"]["count"] > 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"gradient": "some"}, "'each', 'last' or 'all'"),
        ({"replay": 1.0}, "less than 1"),
        ({"professor": 1.0}, "memory"),
        ({"adversarial": 1.0, "states": False, "pairs": False}, "nobody judges"),
        ({"adversarial": 1.0, "n_critic": 0}, "n_critic is 0"),
        ({"adversarial": 1.0, "augmentation": "domain"}, "no augmentation of its own"),
        ({"professor": 1.0, "professor_objective": "wgan", "network": {"memory": 3}}, "the sign"),
        (
            {"professor": 1.0, "professor_constants": {"gate": 1}, "network": {"memory": 3}},
            "'gate'",
        ),
        ({"professor": 1.0, "professor_constants": {"both": 7}, "network": {"memory": 3}}, "both"),
        ({"professor": 1.0, "gradient": "last", "network": {"memory": 3}}, "all passes"),
        ({"depth": 3}, "no option depth"),
        ({"replay": 0.1, "network": {"memory": 3}}, "no memory"),
    ],
)
def test_options_that_contradict_are_refused(options, said):
    with pytest.raises(InputError, match=said):
        core, train = made(adversarial_from=0.0, **options)
        list(core.turns(lambda: train[:8], 0))


def test_a_domain_without_sequences_is_refused():
    with pytest.raises(InputError, match="has no sequences"):
        StepperGAN(GaussianRing(), ConditionSchema(()))


def test_windows_that_are_too_short_are_refused():
    core, train = made(passes=5)
    with pytest.raises(InputError, match="4 passes, not 5"):
        list(core.turns(lambda: train, 0))


def test_windows_hold_what_follows_and_what_is_beside_it():
    states = TensorDict({"t": torch.arange(7)}, [7])
    sides = TensorDict({"between": torch.arange(6) + 0.5}, [6])
    cut = windows(states, {"step": 2.0}, 3, every=2, sides=sides)
    assert cut["given"]["t"].tolist() == [0, 2] and frames_of(cut) == 3
    assert cut["x"]["t"].tolist() == [[1, 2, 3], [3, 4, 5]]
    assert cut["given"]["passes"]["between"].tolist() == [[0.5, 1.5, 2.5], [2.5, 3.5, 4.5]]
    assert cut["y"]["step"].tolist() == [2.0, 2.0]
    with pytest.raises(InputError, match="no window"):
        windows(states[:3], {}, 3)


def test_windows_never_cross_runs():
    batch = HeatDomain().load(None, "train").batch
    run = batch["given"]["passes"]["run"][..., 0]
    assert bool((run == run[:, :1]).all()) and len(run.unique()) == 12


def test_a_pass_takes_as_long_as_the_condition_says():
    core, _ = made(network={"start": TRUE})
    field = torch.randn(3, POINTS)
    step = torch.tensor([0.4, 0.5, 0.55])
    after, hidden = core.advance(TensorDict({"field": field}, [3]), {"step": step})
    assert hidden is None
    assert torch.allclose(after["field"], decayed(field, TRUE, step), atol=1e-5)


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_every_objective_plays_on_sequences(name):
    core, train = made(adversarial=0.1, adversarial_from=0.0, objective=name)
    for turn in core.turns(lambda: train[:8], 0):
        core.zero_grad(set_to_none=True)
        (loss,) = turn.losses
        own = [p for n in loss.players for p in core.players[n].parameters()]
        loss.value.backward(inputs=own)
        assert math.isfinite(float(loss.value))
        assert sum(float(p.grad.abs().sum()) for p in own if p.grad is not None) > 0
    assert ("critic" in core.players) == OBJECTIVES[name].needs_critic


def test_memory_goes_along_a_rollout():
    core, train = made(network={"memory": 5})
    state, y = before(train[:3]), train[:3]["y"]
    after, hidden = core.advance(state, y)
    _, later = core.advance(after, y, hidden)
    assert hidden.shape == (3, 5) and not hidden.requires_grad
    cell = core.stepper.cell
    with torch.no_grad():
        assert torch.allclose(hidden, cell(state["field"], torch.zeros(3, 5)))
        assert torch.allclose(later, cell(after["field"], hidden))
