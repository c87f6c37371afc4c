"""The density of free coordinates and lattice numbers."""

import math

import pytest
import torch

from physgan_crystal.networks.mixture import (
    mixture_draw,
    mixture_log_density,
    normal_log_density,
    wrapped_log_density,
)


@pytest.mark.parametrize("scale", [0.005, 0.05, 0.3])
def test_the_wrapped_normal_integrates_to_one_wherever_its_mean_is(scale):
    u = torch.linspace(0, 1, 20_001, dtype=torch.double)[:-1]
    for mean in (-3.2, 0.0, 0.98, 7.5):
        density = wrapped_log_density(u, torch.tensor(mean), torch.tensor(scale)).exp()
        assert density.mean().item() == pytest.approx(1.0, abs=1e-4)


def test_a_normal_is_that_of_torch():
    value = torch.randn(5)
    wanted = torch.distributions.Normal(0.3, 1.7).log_prob(value)
    got = normal_log_density(value, torch.tensor(0.3), torch.tensor(1.7))
    assert torch.allclose(got, wanted, atol=1e-6)


def one_component(n=1):
    coord = (torch.full((n, 2, 1, 1), 0.25), torch.full((n, 2, 1, 1), 0.01))
    lattice = (torch.full((n, 1, 6), 0.5), torch.full((n, 1, 6), 0.2))
    return torch.zeros(n, 1), coord, lattice


def test_one_component_is_the_product_over_what_is_free():
    weights, coord, lattice = one_component()
    free = torch.tensor([[[True], [False]]])
    lattice_free = torch.tensor([[True] + [False] * 5])
    got = mixture_log_density(
        weights,
        (torch.full((1, 2, 1), 0.25), *coord),
        (torch.full((1, 6), 0.5), *lattice),
        free,
        lattice_free,
    )
    peak = -math.log(0.01) - math.log(0.2) - math.log(2 * math.pi)
    assert got.item() == pytest.approx(peak, abs=1e-5)


def test_two_equal_components_are_one():
    weights, coord, lattice = one_component()
    twice = (
        torch.zeros(1, 2),
        tuple(part.repeat(1, 1, 2, 1) for part in coord),
        tuple(part.repeat(1, 2, 1) for part in lattice),
    )
    u, cell = torch.rand(1, 2, 1), torch.rand(1, 6)
    masks = torch.ones(1, 2, 1), torch.ones(1, 6)
    once = mixture_log_density(weights, (u, *coord), (cell, *lattice), *masks)
    again = mixture_log_density(twice[0], (u, *twice[1]), (cell, *twice[2]), *masks)
    assert torch.allclose(once, again, atol=1e-5)


@pytest.mark.parametrize("temperature", [1.0, 0.25])
def test_draws_have_the_scale_that_temperature_says(temperature):
    torch.manual_seed(0)
    weights, coord, lattice = one_component(20_000)
    u, cell = mixture_draw(weights, coord, lattice, temperature)
    assert u.std().item() == pytest.approx(0.01 * temperature, rel=0.02)
    assert cell.std().item() == pytest.approx(0.2 * temperature, rel=0.02)


def test_draws_pass_gradients_to_means_and_scales():
    torch.manual_seed(0)
    mean = torch.full((8, 2, 1, 1), 0.4, requires_grad=True)
    scale = torch.full((8, 2, 1, 1), 0.01, requires_grad=True)
    lattice = (torch.zeros(8, 1, 6), torch.ones(8, 1, 6))
    u, _ = mixture_draw(torch.zeros(8, 1), (mean, scale), lattice)
    u.sum().backward()
    assert torch.allclose(mean.grad, torch.ones_like(mean))
    assert scale.grad.abs().sum() > 0
