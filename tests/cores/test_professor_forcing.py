"""Professor forcing: equal behaviours leave the critic at log 4, and the gates are kept."""

import math

import pytest
import torch
from torch import nn

from physgan.cores.professor_forcing import Gates, ProfessorForcing, Stepper
from physgan.errors import InputError


class Words(Stepper):
    """A recurrent network over ``symbols`` one-hot symbols that goes on with the likeliest."""

    hidden_dim = 6

    def __init__(self, symbols=4):
        super().__init__()
        self.cell, self.out = nn.GRUCell(symbols, self.hidden_dim), nn.Linear(6, symbols)

    def forward(self, state, hidden):
        hidden = self.cell(state, hidden)
        return self.out(hidden), hidden

    def nll(self, prediction, target):
        return -(prediction.log_softmax(-1) * target).sum(-1)

    def feed(self, prediction):
        return nn.functional.one_hot(prediction.argmax(-1), prediction.shape[-1]).to(prediction)


@pytest.fixture
def game():
    torch.manual_seed(0)
    return ProfessorForcing(Words())


def first(rows=16):
    return torch.eye(4)[torch.arange(rows) % 4]


def own_output(game, steps=7):
    with torch.no_grad():
        return game.free(first(), steps + 1).seen


def test_on_its_own_greedy_output_both_behaviours_are_one_and_the_critic_ends_at_log_4(game):
    data = own_output(game)
    forced, _ = game.teacher(data)
    free = game.free(data[:, 0], data.shape[1] - 1)
    assert torch.equal(forced.hidden, free.hidden) and torch.equal(forced.seen, free.seen)
    optimiser = torch.optim.Adam(game.critic.parameters(), 1e-2)
    start = None
    for _ in range(60):
        turn = next(game.turns(data))
        loss = turn.losses[0].value
        start = loss.item() if start is None else start
        optimiser.zero_grad()
        loss.backward(inputs=list(game.critic.parameters()))
        optimiser.step()
    assert start > math.log(4) and loss.item() == pytest.approx(math.log(4), abs=1e-4)


def test_the_nll_is_that_of_the_data(game):
    data = first(4)[:, None].expand(4, 3, 4)
    hidden, total = torch.zeros(4, 6), []
    for step in range(2):
        hidden = game.stepper.cell(data[:, step], hidden)
        total.append(-game.stepper.out(hidden).log_softmax(-1)[range(4), range(4)])
    assert torch.allclose(game.teacher(data)[1], torch.stack(total).mean())


@pytest.mark.parametrize("both", [False, True])
def test_every_gradient_is_that_of_the_networks_own_loss(game, both):
    game.both, game.gates = both, Gates(critic=1.0, stepper=0.0)
    data = first()[torch.randint(16, (12, 5))]
    forced, nll = game.teacher(data)
    free = game.free(data[:, 0], 4)
    score = lambda hidden: game.critic(hidden)  # noqa: E731
    sp = nn.functional.softplus
    judged = score(forced.hidden.detach()), score(free.hidden.detach())
    critic = (sp(-judged[0]) + sp(judged[1])).mean()
    own = torch.autograd.grad(critic, list(game.critic.parameters()))
    wanted = nll + sp(-score(free.hidden)).mean()
    if both:
        wanted = wanted + sp(score(forced.hidden)).mean()
    makers = torch.autograd.grad(wanted, list(game.stepper.parameters()))
    for turn in game.turns(data):
        game.zero_grad(set_to_none=True)
        (loss,) = turn.losses
        player = game.players[loss.players[0]]
        loss.value.backward(inputs=list(player.parameters()))
        found = [p.grad for p in player.parameters()]
        for grad, mine in zip(found, own if loss.players == ("critic",) else makers, strict=True):
            assert torch.allclose(grad, mine, atol=1e-6)
        others = [n for n in game.players if n not in loss.players]
        assert all(p.grad is None for n in others for p in game.players[n].parameters())


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
    accuracy = torch.tensor(right, dtype=torch.double)
    monkeypatch.setattr(ProfessorForcing, "accuracy", staticmethod(lambda *said: accuracy))
    data = first()[torch.randint(16, (12, 5))]
    first_turn, second = game.turns(data)
    assert (float(first_turn.losses[0].value) > 0) is critic
    extra = float(second.losses[0].value) - float(game.teacher(data)[1])
    assert (abs(extra) > 1e-6) is stepper


def test_accuracy_counts_sequences_of_the_right_sign(game):
    said = [game._judge(torch.zeros(4, 2, 6)) for _ in range(2)]
    object.__setattr__(said[0], "score", torch.tensor([1.0, 2.0, -1.0, 3.0]))
    object.__setattr__(said[1], "score", torch.tensor([-1.0, -2.0, -3.0, 0.0]))
    assert float(game.accuracy(*said)) == 6.5 / 8


def test_free_runs_come_to_behave_like_forced_ones(game):
    """A cycle of four symbols is learned, and the free run keeps to it."""
    data = torch.eye(4)[(torch.arange(4)[:, None] + torch.arange(9)) % 4].repeat(4, 1, 1)
    optimisers = {n: torch.optim.Adam(net.parameters(), 1e-2) for n, net in game.players.items()}
    for _ in range(70):
        for turn in game.turns(data):
            (loss,) = turn.losses
            optimisers[loss.players[0]].zero_grad()
            loss.value.backward(inputs=list(game.players[loss.players[0]].parameters()))
            optimisers[loss.players[0]].step()
    assert torch.equal(game.free(data[:, 0], 9).seen, data)


def test_one_state_is_no_sequence(game):
    with pytest.raises(InputError, match="two states"):
        game.teacher(first()[:, None])
