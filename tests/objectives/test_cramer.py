import math
from statistics import NormalDist

import pytest
import torch
from numpy.polynomial.legendre import leggauss
from scipy.integrate import quad

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


def energy_distance(shift: float) -> float:
    """Of N(0, 1) and N(shift, 1), in closed form."""
    root = math.sqrt(math.pi)
    return 2 * (2 / root * math.exp(-(shift**2) / 4) + shift * math.erf(shift / 2)) - 4 / root


def test_the_closed_form_of_the_energy_distance_is_twice_the_cramer_distance() -> None:
    assert energy_distance(0.7) == pytest.approx(0.2709439651, abs=1e-9)
    one, other = NormalDist(0.0), NormalDist(0.7)
    between = quad(lambda x: (one.cdf(x) - other.cdf(x)) ** 2, -12, 12, epsabs=1e-12)[0]
    assert 2 * between == pytest.approx(energy_distance(0.7), abs=1e-9)


@pytest.mark.parametrize("shift", [0.0, 0.7, 2.0])
def test_the_generator_pays_the_energy_distance_of_two_gaussians(shift: float) -> None:
    """Quadrature over s = g - x and t = g' - x, in polar coordinates between the kinks."""
    (nodes, weights), (radii, steps) = (map(torch.as_tensor, leggauss(n)) for n in (40, 120))
    kinks = torch.tensor([0, 1, 2, 4, 5, 6, 8], dtype=torch.double) * math.pi / 4
    half, middle = kinks.diff()[:, None] / 2, (kinks[1:] + kinks[:-1])[:, None] / 2
    angle, radius = torch.cartesian_prod((middle + half * nodes).flatten(), 8 * (1 + radii)).T
    area = radius * torch.outer((half * weights).flatten(), 8 * steps).flatten()
    s, t = radius * angle.cos(), radius * angle.sin()
    # s and t are N(shift, 2) with covariance 1.
    u, v = s - shift, t - shift
    chance = area * torch.exp(-(u * u - u * v + v * v) / 3) / (2 * math.pi * math.sqrt(3))
    assert chance.sum().item() == pytest.approx(1.0, abs=1e-9)
    # The loss is homogeneous, so a row's weight may scale the row.
    at = (len(s) * chance * torch.stack([0 * s, s, t]))[:, :, None]
    loss = build("cramer").generator_loss(*(Verdict(torch.zeros(len(s)), rows) for rows in at))
    # What is left is of the data alone: E |x - x'|.
    assert loss.item() - 2 / math.sqrt(math.pi) == pytest.approx(energy_distance(shift), abs=1e-9)


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
