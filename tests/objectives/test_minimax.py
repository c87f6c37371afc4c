import math

import pytest
import torch

from physgan.domain import Verdict
from physgan.errors import InputError
from physgan.objectives import build

P, Q = torch.tensor([0.5, 0.3, 0.2]), torch.tensor([0.2, 0.2, 0.6])


def draws(value: torch.Tensor, probability: torch.Tensor) -> Verdict:
    """Ten samples whose relative frequencies are exactly ``probability``."""
    return Verdict(value.double().repeat_interleave((10 * probability).round().long()))


def constant(value: float, rows: int = 4) -> Verdict:
    return Verdict(torch.full((rows,), value, dtype=torch.double, requires_grad=True))


def test_blind_critic() -> None:
    game = build("minimax")
    zero = constant(0.0)
    assert game.critic_loss(zero, zero).item() == pytest.approx(2 * math.log(2), abs=1e-6)
    assert game.generator_loss(zero, zero).item() == pytest.approx(-math.log(2), abs=1e-6)


@pytest.mark.parametrize("name", ["minimax", "non-saturating"])
def test_best_critic_measures_the_jensen_shannon_divergence(name: str) -> None:
    best = torch.logit(P.double() / (P.double() + Q.double())).requires_grad_()
    loss = build(name).critic_loss(draws(best, P), draws(best, Q))
    assert -loss.item() == pytest.approx(-1.2051626612, abs=1e-6)
    (slope,) = torch.autograd.grad(loss, best)
    assert slope.abs().max() < 1e-7


@pytest.mark.parametrize("name", ["minimax", "non-saturating"])
def test_one_sided_smoothing_moves_the_best_critic_to_half_the_target(name: str) -> None:
    best = torch.logit(torch.tensor([0.45], dtype=torch.double)).requires_grad_()
    loss = build(name, real_target=0.9).critic_loss(Verdict(best), Verdict(best))
    assert loss.item() == pytest.approx(1.3762776274, abs=1e-6)
    (slope,) = torch.autograd.grad(loss, best)
    assert abs(slope.item()) < 1e-9


def test_non_saturating_is_finite_and_steep_where_the_critic_wins() -> None:
    game = build("non-saturating")
    lost = constant(-1000.0, rows=1)
    assert game.generator_loss(lost, lost).item() == 1000.0
    zero = constant(0.0, rows=1)
    (slope,) = torch.autograd.grad(game.generator_loss(zero, zero), zero.score)
    assert slope.item() == pytest.approx(-0.5, abs=1e-6)


def test_impossible_target_is_refused() -> None:
    with pytest.raises(InputError, match="real_target"):
        build("minimax", real_target=1.5)
