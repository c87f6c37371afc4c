"""The projection as a layer."""

import math

import numpy as np
import pytest
import torch

from physgan_terrain.slope.envelope import SlopeProjection, project
from physgan_terrain.slope.operators import horn_batch


def rough(*shape, dtype=torch.float32, seed=0):
    return 200 * torch.randn(*shape, dtype=dtype, generator=torch.manual_seed(seed))


@pytest.mark.parametrize("gradient", [False, True])
def test_the_layer_is_the_projection_of_each_sample(gradient):
    height = rough(3, 1, 17, 23).requires_grad_(gradient)
    limited = SlopeProjection(90.0)(height, 25.0)
    assert limited.requires_grad == gradient
    for before, after in zip(height.detach(), limited.detach(), strict=True):
        assert np.array_equal(project(before[0].numpy(), 90.0, 25.0), after[0].numpy())


def test_each_sample_may_have_its_own_limit_or_none():
    height = rough(4, 1, 12, 12).requires_grad_()
    limits = torch.tensor([15.0, 40.0, math.nan, math.inf])
    limited = SlopeProjection(30.0)(height, limits)
    steepest = horn_batch(limited.double(), 30.0).flatten(1).amax(1)
    assert steepest[0] <= 15 < steepest[1] <= 40
    assert torch.equal(limited[2:], height[2:])
    weights = rough(*limited.shape, seed=1)
    (gradient,) = torch.autograd.grad(limited, height, weights)
    assert torch.equal(gradient[2:], weights[2:])
    assert not torch.equal(gradient[:2], weights[:2])


@pytest.mark.parametrize("limit", [12.0, 30.0, 60.0])
def test_the_gradient_agrees_with_finite_differences(limit):
    height = rough(2, 1, 6, 7, dtype=torch.float64).requires_grad_()
    layer = SlopeProjection(90.0)
    moved = (layer(height, limit) - height).abs() > 0.5
    assert moved.any()
    assert torch.autograd.gradcheck(lambda x: layer(x, limit), height, eps=1e-6, atol=1e-6)
    assert torch.autograd.gradgradcheck(lambda x: layer(x, limit), height, eps=1e-6, atol=1e-6)


def test_the_gradient_keeps_its_sum_and_repeats():
    height = rough(8, 1, 32, 32).requires_grad_()
    weights = rough(8, 1, 32, 32, seed=2).abs()
    layer = SlopeProjection(90.0)
    runs = [torch.autograd.grad(layer(height, 20.0), height, weights)[0] for _ in range(2)]
    assert torch.equal(*runs)
    torch.testing.assert_close(runs[0].sum((1, 2, 3)), weights.sum((1, 2, 3)))


def test_threads_change_nothing():
    height = rough(5, 1, 20, 20)
    layer = SlopeProjection(90.0)
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = layer(height, 20.0)
        torch.set_num_threads(3)
        assert torch.equal(alone, layer(height, 20.0))
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_every_floating_dtype_is_limited(dtype):
    height = rough(2, 1, 10, 10).to(dtype).requires_grad_()
    limited = SlopeProjection(30.0)(height, 20.0)
    assert limited.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert horn_batch(limited.double(), 30.0).max() <= 20.0
    limited.sum().backward()
    assert height.grad is not None and height.grad.dtype == dtype


def test_a_view_that_is_not_contiguous_is_left_as_it_was():
    height = rough(2, 1, 9, 11)
    turned = height.transpose(-1, -2)
    before = turned.clone()
    limited = SlopeProjection(30.0)(turned, 20.0)
    assert torch.equal(turned, before)
    assert torch.equal(limited, SlopeProjection(30.0)(before, 20.0))
