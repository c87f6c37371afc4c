"""Professor forcing: equal behaviours leave the critic at log 4, and the gates are kept."""

import math

import pytest
import torch
from torch import nn

from physgan.cores.professor_forcing import Gates, ProfessorForcing

HIDDEN = 6


@pytest.fixture
def game():
    torch.manual_seed(0)
    return ProfessorForcing(HIDDEN)


def behaviours(rows=12, steps=5):
    """Forced and free hidden states of a linear memory, and its parameter."""
    weight = torch.randn(HIDDEN, HIDDEN, requires_grad=True)
    return [torch.randn(rows, steps, HIDDEN) @ weight for _ in range(2)], weight


def test_equal_behaviours_leave_the_critic_at_log_4(game):
    alike = torch.randn(16, 7, HIDDEN)
    optimiser = torch.optim.Adam(game.critic.parameters(), 1e-2)
    start = None
    for _ in range(60):
        turn, _ = game.critic_turn(alike, alike)
        game.moved()
        loss = turn.losses[0].value
        start = loss.item() if start is None else start
        optimiser.zero_grad()
        loss.backward(inputs=list(game.critic.parameters()))
        optimiser.step()
    assert start > math.log(4) and loss.item() == pytest.approx(math.log(4), abs=1e-4)


@pytest.mark.parametrize("both", [False, True])
def test_every_gradient_is_that_of_the_own_loss(game, both):
    game.both, game.gates = both, Gates(critic=1.0, stepper=0.0)
    (forced, free), weight = behaviours()
    sp, score = nn.functional.softplus, game.critic
    wanted = sp(-score(forced.detach())).mean() + sp(score(free.detach())).mean()
    own = torch.autograd.grad(wanted, list(score.parameters()))
    turn, accuracy = game.critic_turn(forced, free)
    assert turn.step == turn.losses[0].players == ("behaviour",)
    found = torch.autograd.grad(turn.losses[0].value, list(score.parameters()))
    for grad, mine in zip(found, own, strict=True):
        assert torch.allclose(grad, mine, atol=1e-6)
    alike = sp(-score(free)).mean()
    if both:
        alike = alike + sp(score(forced)).mean()
    mine = torch.autograd.grad(alike, weight, retain_graph=True)[0]
    loss = game.against(forced, free, accuracy)
    loss.backward()
    assert torch.allclose(weight.grad, mine, atol=1e-6)
    assert all(p.grad is None for p in score.parameters()), "the critic rests"


@pytest.mark.parametrize(
    ("right", "critic", "stepper"),
    [
        (1.0, False, True),
        (0.99, True, True),
        (0.75, True, True),
        (0.74, True, False),
        (0.5, True, False),
    ],
)
def test_gates_open_between_three_quarters_and_99_per_cent(
    game, monkeypatch, right, critic, stepper
):
    said = torch.tensor(right, dtype=torch.double)
    monkeypatch.setattr(ProfessorForcing, "accuracy", staticmethod(lambda *verdicts: said))
    (forced, free), _ = behaviours()
    turn, accuracy = game.critic_turn(forced, free)
    assert (float(turn.losses[0].value) > 0) is critic
    assert (float(game.against(forced, free, accuracy)) > 0) is stepper


def test_accuracy_counts_sequences_of_the_right_sign(game):
    said = [game._judge(torch.zeros(4, 2, HIDDEN)) for _ in range(2)]
    object.__setattr__(said[0], "score", torch.tensor([1.0, 2.0, -1.0, 3.0]))
    object.__setattr__(said[1], "score", torch.tensor([-1.0, -2.0, -3.0, 0.0]))
    assert float(game.accuracy(*said)) == 6.5 / 8
