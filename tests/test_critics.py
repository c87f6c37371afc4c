"""The projection score: psi(phi) + <V y, phi> by hand, over maps, under a critic's own names."""

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from physgan.critics import ProjectionScore

PHI = torch.tensor([[1.0, 2.0], [0.0, -1.0]])
Y = torch.tensor([[1.0, 0.0, 2.0], [0.0, 3.0, 1.0]])


def linear(weight, bias=None):
    weight = torch.tensor(weight)
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=bias is not None)
    state = {"weight": weight} | ({} if bias is None else {"bias": torch.tensor(bias)})
    layer.load_state_dict(state)
    return layer


def test_the_score_is_psi_plus_the_inner_product():
    psi, project = linear([[3.0, 5.0]], [0.5]), linear([[1.0, 0.0, 1.0], [0.0, 2.0, 0.0]])
    said = ProjectionScore(psi, project)(PHI, Y)
    # psi: 3 + 10 + 0.5 and -5 + 0.5; V y: (3, 0) and (1, 6).
    assert said.score.tolist() == [13.5 + 3.0, -4.5 - 6.0]
    assert said.features is PHI
    halved = ProjectionScore(psi, project, scale=2.0)(PHI, Y)
    assert halved.score.tolist() == [13.5 + 1.5, -4.5 - 3.0]


def test_a_critic_that_is_told_nothing_has_psi_alone():
    assert ProjectionScore(linear([[3.0, 5.0]]), None)(PHI, Y[:, :0]).score.tolist() == [13.0, -5.0]


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 3), st.integers(1, 4), st.integers(0, 2**16))
def test_of_maps_the_score_is_the_mean_of_the_scores_of_their_places(rows, side, seed):
    torch.manual_seed(seed)
    maps, y = torch.randn(rows, 2, side, side + 1).double(), torch.randn(rows, 3).double()
    psi, project = nn.Conv2d(2, 1, 1).double(), nn.Linear(3, 2).double()
    flat = nn.Linear(2, 1).double()
    state = psi.state_dict()
    flat.load_state_dict({"weight": state["weight"][:, :, 0, 0], "bias": state["bias"]})
    places = maps.flatten(2).unbind(dim=2)
    alone = torch.stack([ProjectionScore(flat, project)(p, y).score for p in places])
    said = ProjectionScore(psi, project)(maps, y)
    assert torch.allclose(said.score, alone.mean(dim=0))
    assert said.features is not None
    assert torch.allclose(said.features, torch.stack(places).mean(dim=0))


def test_a_permuted_condition_permutes_no_more_than_the_projection():
    """score(phi, y) - score(phi, y') = <V (y - y'), phi>: psi is free of the condition."""
    project = nn.Linear(3, 2)
    head = ProjectionScore(nn.Linear(2, 1), project)
    apart = head(PHI, Y).score - head(PHI, Y.flip(0)).score
    wanted = ((Y - Y.flip(0)) @ project.weight.T * PHI).sum(1)
    assert apart.tolist() == pytest.approx(wanted.tolist(), abs=1e-5)


@settings(deadline=None, max_examples=30)
@given(rows=st.integers(1, 5), maps=st.booleans(), seed=st.integers(0, 2**16))
def test_without_a_projection_the_score_is_free_of_the_condition(rows, maps, seed):
    """V = 0 gives psi(phi) exactly, and no gradient from the score to y; any other V gives both."""
    torch.manual_seed(seed)
    phi = torch.randn(rows, 2, 3, 3) if maps else torch.randn(rows, 2)
    psi, project = nn.Conv2d(2, 1, 1) if maps else nn.Linear(2, 1), nn.Linear(3, 2, bias=False)
    head = ProjectionScore(psi, project)
    y, other = torch.randn(2, rows, 3)
    assert not torch.equal(head(phi, y).score, head(phi, other).score)
    nn.init.zeros_(project.weight)
    y.requires_grad_()
    alone = ProjectionScore(psi, None)(phi, y).score
    assert torch.equal(head(phi, y).score, alone) and torch.equal(head(phi, other).score, alone)
    (slope,) = torch.autograd.grad(head(phi, y).score.sum(), y)
    assert not slope.any()


class Critic(nn.Module):
    def __init__(self):
        super().__init__()
        self.mine, self.told = nn.Linear(2, 1), nn.Linear(3, 2)
        self.verdict = ProjectionScore(self.mine, self.told)


def test_it_adds_no_name_and_a_copy_of_the_critic_uses_the_copys_weights():
    critic = Critic()
    assert set(critic.state_dict()) == {"mine.weight", "mine.bias", "told.weight", "told.bias"}
    twin = copy.deepcopy(critic)
    nn.init.zeros_(twin.mine.weight)
    nn.init.zeros_(twin.mine.bias)
    nn.init.zeros_(twin.told.weight)
    nn.init.zeros_(twin.told.bias)
    assert twin.verdict(PHI, Y).score.tolist() == [0.0, 0.0]
    assert critic.verdict(PHI, Y).score.abs().min() > 0
