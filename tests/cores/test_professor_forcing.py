"""Professor forcing: equal behaviours leave the critic at log 4, and the gates are kept."""

import math

import pytest
import torch
from torch import nn

from physgan.cores.professor_forcing import ProfessorForcing, Rules
from physgan.domain import Verdict
from physgan.errors import InputError
from physgan.objectives import build

HIDDEN = 6


@pytest.fixture
def game():
    torch.manual_seed(0)
    return ProfessorForcing(HIDDEN)


def behaviours(rows=12, steps=5):
    """Forced and free hidden states of a linear memory, and its parameter."""
    weight = torch.randn(HIDDEN, HIDDEN, requires_grad=True)
    return [torch.randn(rows, steps, HIDDEN) @ weight for _ in range(2)], weight


def test_equal_behaviours_cost_the_critic_log_4_at_best(game):
    """Any critic pays E[log(2 + 2 cosh s)] for its scores s: log 4 where all are 0, above else."""
    game.double()
    alike = torch.randn(16, 7, HIDDEN, dtype=torch.double)
    score = game.critic(alike).score
    paid = game.critic_turn(alike, alike)[0].losses[0].value
    assert paid.item() == pytest.approx((2 + 2 * score.cosh()).log().mean().item(), abs=1e-12)
    assert paid.item() > math.log(4) + 1e-6
    with torch.no_grad():
        for parameter in game.critic.score.parameters():
            parameter.zero_()
    best = game.critic_turn(alike, alike)[0].losses[0].value
    assert best.item() == pytest.approx(math.log(4), abs=1e-12)
    slopes = torch.autograd.grad(best, list(game.critic.parameters()))
    assert all(float(slope.abs().max()) < 1e-12 for slope in slopes)


def test_the_best_critic_of_equal_behaviours_is_found_at_log_4(game):
    game.double()
    alike = torch.randn(16, 7, HIDDEN, dtype=torch.double)
    judge = list(game.critic.score.parameters())
    optimiser = torch.optim.LBFGS(judge, max_iter=100, line_search_fn="strong_wolfe")

    def loss():
        optimiser.zero_grad()
        value = game.critic_turn(alike, alike)[0].losses[0].value
        value.backward(inputs=judge)
        return value

    optimiser.step(loss)
    assert float(loss()) == pytest.approx(math.log(4), abs=1e-6)


@pytest.mark.parametrize("both", [False, True])
def test_every_gradient_is_that_of_the_own_loss(game, both):
    game.rules = Rules(both=both, critic=1.0, stepper=0.0)
    (forced, free), weight = behaviours()
    sp, own = nn.functional.softplus, list(game.critic.parameters())

    def score(behaviour):
        return game.critic(behaviour).score

    wanted = sp(-score(forced.detach())).mean() + sp(score(free.detach())).mean()
    wanted = torch.autograd.grad(wanted, own, materialize_grads=True)
    turn, accuracy = game.critic_turn(forced, free)
    assert turn.step == turn.losses[0].players == ("behaviour",)
    found = torch.autograd.grad(turn.losses[0].value, own, materialize_grads=True)
    for grad, mine in zip(found, wanted, strict=True):
        assert torch.allclose(grad, mine, atol=1e-6)
    alike = sp(-score(free)).mean()
    if both:
        alike = alike + sp(score(forced)).mean()
    mine = torch.autograd.grad(alike, weight, retain_graph=True)[0]
    loss = game.against(forced, free, accuracy)
    loss.backward()
    assert torch.allclose(weight.grad, mine, atol=1e-6)
    assert all(p.grad is None for p in own), "the critic rests"


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
    said = Verdict(torch.tensor([1.0, 2.0, -1.0, 3.0])), Verdict(torch.tensor([-1.0, -2, -3, 0]))
    assert float(game.accuracy(*said)) == 6.5 / 8


def test_the_critics_move_can_be_computed_again(game):
    (forced, free), _ = behaviours()
    turn, _ = game.critic_turn(forced, free)
    assert turn.again()[0].value == turn.losses[0].value
    with torch.no_grad():
        game.critic.score.bias += 1.0
    assert turn.again()[0].value != turn.losses[0].value


@pytest.mark.parametrize("name", ["minimax", "hinge", "rpgan", "mcgan-mean", "lsgan", "f-kl"])
def test_further_objectives_play_on_behaviours(name):
    torch.manual_seed(0)
    game = ProfessorForcing(HIDDEN, build(name), Rules(critic=1.0, stepper=0.0, width=8))
    (forced, free), weight = behaviours()
    turn, accuracy = game.critic_turn(forced, free)
    game.moved()
    for value, asked in (
        (turn.losses[0].value, list(game.critic.parameters())),
        (game.against(forced, free, accuracy), [weight]),
    ):
        found = torch.autograd.grad(value, asked, allow_unused=True, retain_graph=True)
        assert sum(float(g.abs().sum()) for g in found if g is not None) > 0


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: ProfessorForcing(HIDDEN, build("lsgan")), "read the sign"),
        (lambda: ProfessorForcing(HIDDEN, build("ebgan")), "of two batches"),
        (lambda: ProfessorForcing(HIDDEN, build("gmmn")), "of two batches"),
        (lambda: Rules(critic=1.5), "gates from 0 to 1"),
    ],
)
def test_a_game_that_cannot_be_played_is_refused(make, said):
    with pytest.raises(InputError, match=said):
        make()
