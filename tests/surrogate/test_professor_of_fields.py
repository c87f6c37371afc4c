"""Professor forcing of steppers of fields, with a memory and without."""

import math

import pytest
import torch
from spreading import ROWS, SMALL, gradients, made
from tensordict import TensorDict

from physgan.citations import _of_core
from physgan.cores.passes import behaviours
from physgan.cores.window import before, whole
from physgan.training import Trainer, TrainerOptions


@pytest.mark.parametrize("memory", [0, 5])
@pytest.mark.parametrize("both", [False, True])
def test_professor_forcing_trains_steppers_of_fields(memory, both, tmp_path):
    rules = {"both": both, "critic": 1.0, "stepper": 0.0, "width": 8}
    network = {**SMALL, "memory": memory}
    core, train = made(professor=0.1, professor_constants=rules, network=network)
    assert core.stepper.behaviour_dim == (memory or 8)
    for turn in core.turns(lambda: train[:ROWS], 0):
        found = gradients(turn, core)
        assert {n for n, size in found.items() if size > 0} == set(turn.step)
    was = core.validation_loss(train)["error"]
    setting = TrainerOptions(steps=40, lr=0.01, batch_size=8, warmup_steps=0, accelerator="cpu")
    Trainer(core, train, train[:8], setting, tmp_path / "run").fit()
    assert float(core.validation_loss(train)["error"]) < 0.7 * float(was)


@pytest.mark.parametrize("weight", [0.5, 2.0])
def test_the_stepper_pays_for_its_errors_on_data_and_for_its_behaviour(weight):
    rules = {"critic": 1.0, "stepper": 0.0}
    core, train = made(professor=weight, professor_constants=rules, replay=0.0)
    window = whole(train[:ROWS], 2)
    error = core._teach(window).error
    *_, turn = core.turns(lambda: train[:ROWS], 0)
    assert float(turn.logs["error"]) == pytest.approx(float(error))
    total = turn.logs["error"] + weight * turn.logs["professor"]
    assert float(turn.losses[0].value) == pytest.approx(float(total))
    torch.testing.assert_close(turn.again()[0].value, turn.losses[0].value)


@pytest.mark.parametrize("memory", [0, 5])
def test_on_the_own_rollout_both_behaviours_are_equal_and_no_score_is_the_optimum(memory):
    """OBJECTIVES: data = the model's own greedy output, so D's loss at the optimum is log 4."""
    network = {**SMALL, "memory": memory}
    core, train = made(professor=1.0, professor_objective="minimax", network=network, laws=False)
    torch.nn.init.normal_(core.stepper.read.weight, std=0.3)
    torch.nn.init.normal_(core.stepper.films.weight, std=0.3)
    start = train[:ROWS]
    with torch.no_grad():
        own = torch.stack([p.after["field"] for p in core._unroll(whole(start, 2))], dim=1)
    start["x"] = TensorDict({"field": own}, [ROWS])
    window = whole(start, 2)
    forced, free = core._teach(window), behaviours(core.stepper, core._unroll(window))
    assert forced.behaviour.shape == (ROWS, 2, memory or 8)
    assert torch.allclose(forced.behaviour, free, atol=1e-6)
    assert float(forced.error) < 1e-10
    with torch.no_grad():
        for parameter in core.professor.critic.score.parameters():
            parameter.zero_()
    scores = []

    def keep(critic, inputs, verdict):
        verdict.score.retain_grad()
        scores.append(verdict.score)

    hook = core.professor.critic.register_forward_hook(keep)
    turn, accuracy = core.professor.critic_turn(forced.behaviour, free)
    hook.remove()
    loss = turn.losses[0].value
    assert float(loss) == pytest.approx(2 * math.log(2), abs=1e-6) and float(accuracy) == 0.5
    loss.backward()
    real, fake = scores
    # Equal rows get opposite gradients: whatever D says of a behaviour, saying zero is the best.
    assert torch.allclose(real.grad + fake.grad, torch.zeros(ROWS), atol=1e-7)
    assert float(real.grad.abs().max()) > 0
    for parameter in core.professor.critic.parameters():
        assert parameter.grad is None or float(parameter.grad.abs().max()) < 1e-6
    assert float(core.professor.against(forced.behaviour, free, accuracy)) == 0.0, "gate shut"


def test_own_states_and_professor_forcing_go_together_without_a_memory(monkeypatch):
    core, train = made(professor=0.1, replay=0.5)
    torch.nn.init.normal_(core.stepper.read.weight, std=0.3)
    told, play = [], core.professor.critic_turn

    def spy(forced, free):
        told.append([bool(torch.equal(a, b)) for a, b in zip(forced, free, strict=True)])
        return play(forced, free)

    monkeypatch.setattr(core.professor, "critic_turn", spy)
    for _ in range(2):
        list(core.turns(lambda: train[:ROWS], 0))
    assert told[0] == [True] * ROWS, "fresh rows behave alike in their only pass"
    assert told[1].count(False) == ROWS // 2, "rows from own states do not"


def test_a_memory_goes_along_and_is_told_to_the_next_pass():
    core, train = made(network={**SMALL, "memory": 4})
    torch.nn.init.normal_(core.stepper.films.weight, std=0.5)
    torch.nn.init.normal_(core.stepper.read.weight, std=0.5)
    state, y = before(train[:ROWS]), train[:ROWS]["y"]
    after, hidden = core.advance(state, y)
    assert hidden.shape == (ROWS, 4) and set(after.keys()) == {"field"}
    fresh, _ = core.advance(after, y)
    told, later = core.advance(after, y, hidden)
    assert not torch.allclose(fresh["field"], told["field"], atol=1e-4)
    assert not torch.allclose(hidden, later, atol=1e-4)


def test_its_objective_is_cited():
    core, _ = made(professor=0.1, professor_objective="hinge")
    keys = set(_of_core(core.hparams))
    assert {"lamb2016professor", "lim2017geometric"} <= keys and "goodfellow2014gan" not in keys
