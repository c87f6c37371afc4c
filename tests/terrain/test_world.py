"""A world is one function of its seed: seams, order, machine and limit make no difference."""

import copy
from itertools import pairwise

import numpy as np
import pytest
import torch
from generators import small_generator
from hypothesis import given, settings
from hypothesis import strategies as st
from tensordict import TensorDict

from physgan_terrain.networks.doubling import doubled
from physgan_terrain.networks.exact import (
    ACTIVATION,
    EXACT,
    LARGEST,
    exact_places,
    scale_to_fit,
    snap,
    snap_weight_,
)
from physgan_terrain.networks.windows import BLUR, Span, spans
from physgan_terrain.noise import PlacedNoise
from physgan_terrain.slope.operators import horn, zevenbergen_thorne
from physgan_terrain.world import World

CELL = 90.0


@pytest.fixture(scope="module")
def generator():
    return small_generator(900.0)


def world(generator, limit=20.0, seed=7):
    return World(generator, torch.tensor([[1.0, 0, 1]]), seed, cell=CELL, limit=limit)


@given(low=st.integers(-500, 500), size=st.integers(1, 90), levels=st.integers(1, 6))
def test_a_span_has_all_that_the_finer_level_needs(low, size, levels):
    need = spans(Span(low, low + size), levels)
    for fine, coarse in pairwise(need):
        assert 2 * coarse.low <= fine.low - 3 and fine.high + 3 <= 2 * coarse.high


def test_doubling_keeps_a_constant_and_means():
    held, wanted = Span(-3, 5), Span(-4, 8)
    flat = doubled(torch.full((1, 1, 8, 8), 2.0), (held, held), (wanted, wanted))
    assert flat.shape == (1, 1, 12, 12) and (flat == 2).all()
    ramp = torch.arange(-3.0, 5).view(1, 1, 1, 8).expand(1, 1, 8, 8)
    fine = doubled(ramp, (held, held), (wanted, wanted))[0, 0, 0]
    # A cell's two halves stand a quarter of a cell to its left and right.
    expected = (torch.arange(-4.0, 8) + 0.5) / 2 - 0.5
    torch.testing.assert_close(fine, expected)
    assert wanted.wider(BLUR).low >= 2 * held.low


def test_noise_belongs_to_its_place_and_is_standard():
    noise = PlacedNoise(3)
    whole = noise(2, 2, Span(-40, 60), Span(-30, 70))
    part = noise(2, 2, Span(-5, 20), Span(0, 9))
    assert torch.equal(whole[:, :, 35:60, 30:39], part)
    many = noise(0, 1, Span(0, 400), Span(0, 400))
    assert abs(many.mean()) < 0.01 and abs(many.std() - 1) < 0.01
    assert torch.equal(snap(many, ACTIVATION), many)
    for other in (
        noise(1, 1, Span(0, 400), Span(0, 400)),
        PlacedNoise(4)(0, 1, *[Span(0, 400)] * 2),
    ):
        assert abs(torch.corrcoef(torch.stack([many.flatten(), other.flatten()]))[0, 1]) < 0.01
    beside = torch.corrcoef(torch.stack([many[..., :-1].flatten(), many[..., 1:].flatten()]))
    assert abs(beside[0, 1]) < 0.01


def test_sums_on_the_grid_are_exact_in_any_order():
    torch.manual_seed(1)
    conv = torch.nn.Conv2d(40, 8, 3).requires_grad_(False)
    snap_weight_(conv)
    places = exact_places(conv.weight)
    most = LARGEST * conv.weight.double().abs().flatten(1).sum(1).max()
    assert most * 2.0 ** (places + ACTIVATION) <= 2.0**EXACT
    x = snap((4 * torch.randn(2, 40, 9, 9)).clamp(-LARGEST, LARGEST), ACTIVATION)
    single = torch.nn.functional.conv2d(x, conv.weight)
    double = torch.nn.functional.conv2d(x.double(), conv.weight.double())
    order = torch.randperm(40)
    other = torch.nn.functional.conv2d(x[:, order], conv.weight[:, order])
    assert torch.equal(single.double(), double) and torch.equal(single, other)


def test_any_window_gives_the_same_raw_heights(generator):
    made = world(generator)
    whole = made.raw(Span(-40, 90), Span(-20, 100))
    again = world(generator).raw(Span(3, 41), Span(17, 30))
    assert np.array_equal(whole[43:81, 37:50], again)
    assert not np.array_equal(again, world(generator, seed=8).raw(Span(3, 41), Span(17, 30)))


def test_the_exact_surface_is_that_of_the_network(generator):
    made = world(generator, limit=None)
    condition = torch.tensor([[1.0, 0, 1]])
    with torch.no_grad():
        span = Span(0, 64)
        plain = generator.surface(made.noise, span, span, condition, TensorDict({}, [1]))[0, 0]
    exact = torch.from_numpy(made.metres(made.raw(span, span)))
    assert (plain - exact).std() < 0.02 * plain.std()


def test_channels_are_brought_within_reach_by_powers_of_two():
    x = torch.tensor([700.0, 7.9, 8.0, 0.01]).view(1, 4, 1, 1).expand(1, 4, 3, 3)
    scale = scale_to_fit(x)
    assert scale.tolist() == [2.0**-7, 1.0, 1.0, 2.0**6]


def test_loud_channels_are_scaled_and_not_clipped(generator):
    loud = copy.deepcopy(generator)
    for level in loud.levels:
        for conv in level.convs:
            torch.nn.init.normal_(conv.weight, std=0.8)
        torch.nn.init.normal_(level.height.weight, std=0.01)
    heard = []
    loud.levels[0].register_forward_hook(lambda *call: heard.append(call[2].abs().max()))
    made, span = world(loud, limit=None), Span(0, 64)
    with torch.no_grad():
        asked = torch.tensor([[1.0, 0, 1]]), TensorDict({}, [1])
        plain = loud.surface(made.noise, span, span, *asked)[0, 0]
    assert max(heard) > 10 * LARGEST
    exact = torch.from_numpy(made.metres(made.raw(span, span)))
    assert (plain - exact).std() < 0.15 * plain.std()


@pytest.mark.parametrize("limit", [12.0, 35.0])
def test_tiles_share_their_border_and_keep_the_limit_across_it(generator, limit):
    made = world(generator, limit)
    tiles = {(i, j): made.tile(i, j, 24).n for i in (-1, 0) for j in (0, 1)}
    assert np.array_equal(tiles[-1, 0][-1], tiles[0, 0][0])
    assert np.array_equal(tiles[0, 0][:, -1], tiles[0, 1][:, 0])
    top = np.concatenate([tiles[-1, 0][:, :-1], tiles[-1, 1]], axis=1)
    bottom = np.concatenate([tiles[0, 0][:, :-1], tiles[0, 1]], axis=1)
    whole = made.window(Span(-24, 25), Span(0, 49))
    assert np.array_equal(np.concatenate([top[:-1], bottom]), whole.n)
    z = made.metres(whole.n)
    for operator in (horn, zevenbergen_thorne):
        assert operator(z, CELL).max() <= limit
    raw = horn(made.metres(whole.raw), CELL).max()
    assert raw > limit if limit == 12.0 else True


@settings(max_examples=5, deadline=None)
@given(height=st.integers(5, 60))
def test_strips_are_the_window(generator, height):
    made = world(generator)
    rows, columns = Span(-10, 63), Span(4, 40)
    strips = list(made.strips(rows, columns, height))
    whole = made.window(rows, columns)
    assert np.array_equal(np.concatenate([s.n for s in strips]), whole.n)
    assert np.array_equal(np.concatenate([s.raw for s in strips]), whole.raw)
    assert strips[0].first == rows.low


def test_training_draws_a_tile_with_gradients_for_all(generator):
    z = torch.randn(2, generator.latent_dim)
    given = TensorDict({"limit": torch.tensor([20.0, 40.0])}, [2])
    x = generator(z, torch.tensor([[1.0, 0, 1], [0, 0, 0]]), given)
    assert x["height"].shape == (2, 1, 64, 64) and x["height"].isfinite().all()
    x["height"].square().mean().backward()
    without = [n for n, p in generator.named_parameters() if p.grad is None or not p.grad.any()]
    assert not without
    generator.zero_grad(set_to_none=True)
