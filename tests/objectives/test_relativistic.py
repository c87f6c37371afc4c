import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from physgan.domain import Verdict
from physgan.objectives import build

scores = st.lists(st.floats(-20, 20), min_size=2, max_size=6)


@pytest.mark.parametrize(("name", "value"), [("rpgan", math.log(2)), ("ragan", 2 * math.log(2))])
def test_equal_critics(name: str, value: float) -> None:
    same = Verdict(torch.full((5,), 3.7))
    assert build(name).critic_loss(same, same).item() == pytest.approx(value, abs=1e-6)
    assert build(name).generator_loss(same, same).item() == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("name", ["rpgan", "ragan"])
@settings(deadline=None)
@given(a=scores, shift=st.floats(-100, 100))
def test_a_constant_added_to_the_critic_changes_nothing(
    name: str, a: list[float], shift: float
) -> None:
    real = torch.tensor(a, dtype=torch.double)
    fake, bias = real.flip(0) * 0.5 + 1, torch.zeros((), dtype=torch.double, requires_grad=True)
    objective = build(name)
    for loss in (objective.critic_loss, objective.generator_loss):
        here = loss(Verdict(real + bias), Verdict(fake + bias))
        there = loss(Verdict(real + shift), Verdict(fake + shift))
        torch.testing.assert_close(here.detach(), there, rtol=0, atol=1e-9)
        assert abs(torch.autograd.grad(here, bias)[0].item()) < 1e-12


@pytest.mark.parametrize("name", ["rpgan", "ragan"])
def test_the_generator_plays_the_exchanged_game(name: str) -> None:
    real, fake = Verdict(torch.tensor([1.0, 2.0])), Verdict(torch.tensor([-1.0, 7.0]))
    objective = build(name)
    assert objective.real_in_generator
    assert objective.generator_loss(real, fake) == objective.critic_loss(fake, real)
    assert objective.generator_loss(real, fake) != objective.critic_loss(real, fake)


def test_average_by_hand() -> None:
    real, fake = Verdict(torch.tensor([1.0, 3.0])), Verdict(torch.tensor([0.0, -2.0]))
    above = (math.log1p(math.exp(-2)) + math.log1p(math.exp(-4))) / 2  # C(x) - mean fake = 2, 4
    below = (math.log1p(math.exp(-2)) + math.log1p(math.exp(-4))) / 2  # C(G) - mean real = -2, -4
    assert build("ragan").critic_loss(real, fake).item() == pytest.approx(above + below, abs=1e-6)
