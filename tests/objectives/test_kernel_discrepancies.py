import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.polynomial.hermite_e import hermegauss

from physgan.domain import Verdict
from physgan.errors import InputError
from physgan.objectives import build
from physgan.objectives.kernels import discrepancy, gaussian, linear, witness


def verdict(features: torch.Tensor, energy: float = 0.0) -> Verdict:
    return Verdict(torch.full((len(features),), energy, dtype=features.dtype), features)


def draws(rows: int, width: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, width, generator=generator, dtype=torch.double)


def test_two_diracs() -> None:
    game = build("gmmn", sigmas=(1.0,), relative=False)
    x, y = torch.zeros(3, 1).double(), torch.full((2, 1), 1.5).double()
    square = game.generator_loss(verdict(x), verdict(y)).item() ** 2
    assert square == pytest.approx(2 * (1 - math.exp(-1.125)), abs=1e-6)


def test_linear_kernel_is_the_distance_of_the_means() -> None:
    x, y = draws(7, 3, 0), draws(5, 3, 1) + 1
    game = build("gmmn", kernel="linear")
    found = game.generator_loss(verdict(x), verdict(y)).item()
    assert found == pytest.approx((x.mean(0) - y.mean(0)).norm().item(), abs=1e-9)
    square = discrepancy(linear, x, y).item()
    assert square == pytest.approx((x.mean(0) - y.mean(0)).square().sum().item(), abs=1e-12)


@pytest.mark.parametrize("shift", [(0.9,), (0.7, -0.4), (0.3, 0.0, -0.5)])
def test_two_gaussians_have_their_closed_form(shift: tuple[float, ...]) -> None:
    """N(0, s^2 I) and N(shift, s^2 I) by Gauss-Hermite nodes, whose weights ride along."""
    s, sigma, width = 0.8, 1.2, len(shift)
    nodes, weights = (torch.as_tensor(each) for each in hermegauss((60, 20, 9)[width - 1]))
    grid = torch.cartesian_prod(*[nodes] * width).reshape(-1, width)
    chance = torch.cartesian_prod(*[weights / weights.sum()] * width).reshape(-1, width).prod(1)
    rows = torch.cat([len(grid) * chance[:, None], s * grid], dim=1)
    plain = build("gmmn", sigmas=(sigma,), relative=False).kernel(grid)

    def weighed(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return a[:, :1] * b[:, 0] * plain(a[:, 1:], b[:, 1:])

    wide = sigma**2 + 2 * s**2
    square = sum(d * d for d in shift)
    exact = 2 * (sigma**2 / wide) ** (width / 2) * (1 - math.exp(-square / (2 * wide)))
    moved = rows + torch.tensor([0.0, *shift], dtype=torch.double)
    assert discrepancy(weighed, rows, moved).item() == pytest.approx(exact, abs=1e-6)


@settings(deadline=None, max_examples=25)
@given(rows=st.integers(2, 9), scale=st.floats(0.01, 100), seed=st.integers(0, 99))
def test_relative_bandwidths_make_the_scale_of_features_irrelevant(
    rows: int, scale: float, seed: int
) -> None:
    x, y = draws(rows, 3, seed), draws(rows, 3, seed + 1) + 0.5
    for name in ("gmmn", "mmd-gan"):
        game = build(name)
        here = game.generator_loss(verdict(x), verdict(y))
        there = game.generator_loss(verdict(scale * x), verdict(scale * y))
        assert here.item() >= 0
        assert there.item() == pytest.approx(here.item(), rel=1e-9, abs=1e-9)


def test_scaled_features_are_a_kernel_of_another_width() -> None:
    x, y = draws(6, 2, 0), draws(6, 2, 1)
    for factor in (0.1, 3.0):
        scaled = build("mmd-gan", sigmas=(0.7,), relative=False)
        plain = build("mmd-gan", sigmas=(0.7 / factor,), relative=False)
        found = scaled.generator_loss(verdict(factor * x), verdict(factor * y))
        torch.testing.assert_close(found, plain.generator_loss(verdict(x), verdict(y)))


def test_mmd_gan_of_identity_features_is_gmmn_squared_less_the_error_of_the_decoder() -> None:
    x, y, sigmas = draws(8, 2, 0), draws(8, 2, 1) + 1, (0.5, 2.0)
    plain = build("gmmn", sigmas=sigmas).generator_loss(verdict(x), verdict(y))
    game = build("mmd-gan", sigmas=sigmas, weight=8.0)
    assert game.autoencoding
    loss = game.generator_loss(verdict(x), verdict(y))
    assert loss.item() == pytest.approx(plain.item() ** 2, abs=1e-9)
    with_errors = game.critic_loss(verdict(x, 0.1), verdict(y, 0.2)).item()
    assert with_errors == pytest.approx(8 * 0.3 - loss.item(), abs=1e-9)


def test_the_witness_integrates_to_the_discrepancy() -> None:
    x, y, kernel = draws(6, 2, 0), draws(9, 2, 1) + 1, gaussian((1.0,))
    gap = witness(kernel, x, x, y).mean() - witness(kernel, y, x, y).mean()
    torch.testing.assert_close(gap, discrepancy(kernel, x, y))


def test_moment_matching_moves_samples_without_a_critic() -> None:
    game = build("gmmn", sigmas=(0.5, 1.0, 2.0))
    assert not game.needs_critic
    real = draws(64, 2, 0) + 2
    at = draws(64, 2, 1).requires_grad_()
    first = game.generator_loss(verdict(real), verdict(at)).item()
    optimizer = torch.optim.Adam([at], lr=0.1)
    for _ in range(200):
        optimizer.zero_grad()
        loss = game.generator_loss(verdict(real), verdict(at))
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.3 * first
    assert (at.mean(0) - real.mean(0)).norm().item() < 0.2


def test_equal_batches_give_no_gradient_and_no_nan() -> None:
    x = draws(5, 2, 0)
    y = x.clone().requires_grad_()
    build("gmmn").generator_loss(verdict(x), verdict(y)).backward()
    assert torch.isfinite(y.grad).all() and y.grad.abs().max() < 1e-6


@pytest.mark.parametrize("name", ["gmmn", "mmd-gan"])
def test_impossible_bandwidths_are_refused(name: str) -> None:
    for sigmas in ((), (1.0, -2.0)):
        with pytest.raises(InputError, match="bandwidths"):
            build(name, sigmas=sigmas)
