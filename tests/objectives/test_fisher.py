import pytest
import torch

from physgan.domain import Verdict
from physgan.errors import InputError
from physgan.objectives import build

P = torch.tensor([0.5, 0.3, 0.2], dtype=torch.double)
Q = torch.tensor([0.2, 0.2, 0.6], dtype=torch.double)


def draws(value: torch.Tensor, probability: torch.Tensor) -> Verdict:
    return Verdict(value.repeat_interleave((10 * probability).round().long()))


def test_the_augmented_lagrangian_by_hand() -> None:
    # Second moments 1.5 and difference of means 0.4: scores a +- b.
    game = build("fisher", rho=0.01)
    game.multiplier.fill_(0.2)
    spread = (1.5 - 0.04) ** 0.5
    real, fake = (Verdict(m + spread * torch.tensor([1.0, -1.0])) for m in (0.2, -0.2))
    assert game.critic_loss(real, fake).item() == pytest.approx(-0.29875, abs=1e-6)
    with torch.no_grad():
        game.after_critic_step(torch.nn.Identity(), real, fake)
    assert game.multiplier.item() == pytest.approx(0.2 + 0.01 * 0.5, abs=1e-6)
    again = build("fisher", rho=0.01)
    again.load_state_dict(game.state_dict())
    assert again.critic_loss(real, fake) == game.critic_loss(real, fake)


def test_the_optimum_is_the_chi_squared_distance() -> None:
    middle = (P + Q) / 2
    distance = ((P - Q).square() / middle).sum().sqrt()
    assert distance.item() == pytest.approx(0.8349508112, abs=1e-9)
    best = ((P - Q) / middle / distance).requires_grad_()
    game = build("fisher", rho=0.5)
    game.multiplier = distance / 2  # from dE/df = l dO/df
    real, fake = draws(best, P), draws(best, Q)
    omega = (real.score.square().mean() + fake.score.square().mean()) / 2
    assert omega.item() == pytest.approx(1.0, abs=1e-9)
    loss = game.critic_loss(real, fake)
    assert -loss.item() == pytest.approx(distance.item(), abs=1e-9)
    (slope,) = torch.autograd.grad(loss, best)
    assert slope.abs().max() < 1e-9


def test_linear_critic_has_its_closed_form() -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = (torch.randn(50, 3, generator=generator, dtype=torch.double) + m for m in (0.5, -0.2))
    gap = x.mean(0) - y.mean(0)
    moment = (x.T @ x / 50 + y.T @ y / 50) / 2
    value = (gap @ torch.linalg.solve(moment, gap)).sqrt()
    weight = torch.linalg.solve(moment, gap) / value
    game = build("fisher", rho=1e-3)
    loss = game.critic_loss(Verdict(x @ weight), Verdict(y @ weight))
    assert -loss.item() == pytest.approx(value.item(), abs=1e-9)


def test_an_impossible_weight_is_refused() -> None:
    with pytest.raises(InputError, match="rho"):
        build("fisher", rho=0.0)
