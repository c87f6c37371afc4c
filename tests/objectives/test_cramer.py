import math

import pytest
import torch

from physgan.domain import Verdict
from physgan.objectives import build


def verdict(*values: float) -> Verdict:
    rows = torch.tensor(values, dtype=torch.double).reshape(-1, 1)
    return Verdict(torch.zeros(len(rows)), rows)


def test_by_hand() -> None:
    game, real, fakes = build("cramer"), verdict(2.0), (verdict(0.0), verdict(1.0))
    assert game.fakes == 2 and game.real_in_generator
    assert game.critic_loss(real, *fakes).item() == pytest.approx(2.0, abs=1e-9)
    assert game.generator_loss(real, *fakes).item() == pytest.approx(2.0, abs=1e-9)


def test_energy_distance_of_two_gaussians_within_the_statistical_error() -> None:
    shift, rows = 0.7, 1_000_000
    root = math.sqrt(math.pi)
    exact = 2 * (2 / root * math.exp(-(shift**2) / 4) + shift * math.erf(shift / 2)) - 4 / root
    assert exact == pytest.approx(0.2709439651, abs=1e-9)
    grid = torch.linspace(-12, 12, 20_001, dtype=torch.double)
    normal = torch.distributions.Normal(torch.zeros((), dtype=torch.double), 1.0)
    between = (normal.cdf(grid) - normal.cdf(grid - shift)).square()
    assert 2 * torch.trapezoid(between, grid).item() == pytest.approx(exact, abs=1e-6)
    generator = torch.Generator().manual_seed(0)
    x, other, one, two = torch.randn(4, rows, 1, generator=generator, dtype=torch.double)
    features = [Verdict(rows[:, 0], rows) for rows in (x, one + shift, two + shift)]
    loss = build("cramer").generator_loss(*features)
    found = loss - (x - other).abs().mean()
    assert found.item() == pytest.approx(exact, abs=5e-3)


def test_the_gradient_of_a_bernoulli_model_is_unbiased() -> None:
    """E over draws of the loss has the slope of the energy distance, 2 (theta - p)^2."""
    p, game = 0.3, build("cramer")
    theta = torch.tensor(0.8, dtype=torch.double, requires_grad=True)
    total = torch.zeros((), dtype=torch.double)
    for x in (0.0, 1.0):
        for a in (0.0, 1.0):
            for b in (0.0, 1.0):
                chance = (p if x else 1 - p) * (theta if a else 1 - theta)
                chance = chance * (theta if b else 1 - theta)
                total = total + chance * game.generator_loss(verdict(x), verdict(a), verdict(b))
    (slope,) = torch.autograd.grad(total, theta)
    assert slope.item() == pytest.approx(4 * (0.8 - p), abs=1e-9)


def test_equal_rows_give_a_finite_gradient() -> None:
    rows = torch.ones(3, 2, requires_grad=True)
    same = Verdict(torch.zeros(3), rows)
    build("cramer").generator_loss(same, same, same).backward()
    assert torch.isfinite(rows.grad).all()
