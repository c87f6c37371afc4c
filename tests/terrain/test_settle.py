"""Heights settled to what was asked: water, relief and slopes by formula."""

import math

import numpy as np
import pytest
import torch
from generators import small_generator
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tensordict import TensorDict

from physgan_terrain.exact import fill_depth, mean_slope, relief
from physgan_terrain.networks.windows import Span
from physgan_terrain.settle import Settle, stretch
from physgan_terrain.slope.drained import drain, drain_blocks, drained
from physgan_terrain.slope.fill import fill
from physgan_terrain.slope.operators import horn
from physgan_terrain.world import World

CELL = 90.0
surfaces = arrays(np.float64, (9, 11), elements=st.integers(0, 40).map(float))


@settings(deadline=None)
@given(z=surfaces, share=st.floats(0, 0.2))
def test_a_drained_surface_holds_at_most_its_share_of_water(z, share):
    full = fill(z)
    out = drained(z[None], [share])[0]
    most = share * np.ptp(full) * z.size
    assert (full - out).sum() <= most + 1e-6
    assert (out >= z - 1e-12).all() and (out <= full + 1e-12).all()
    np.testing.assert_allclose(fill(out), full)
    np.testing.assert_allclose(drained(out[None], [share])[0], out, atol=1e-9)


def test_nothing_left_is_filled_and_unknown_stays():
    z = np.random.default_rng(0).normal(size=(2, 12, 12))
    out = drained(z, [0.0, math.nan])
    np.testing.assert_array_equal(out[0], fill(z[0]))
    np.testing.assert_array_equal(out[1], z[1])


def test_small_hollows_stay_and_large_ones_keep_the_square_of_their_share():
    z = np.full((10, 10), 20.0)
    z[0, 0], z[2, 2], z[6, 6] = 30.0, 19.0, 17.0  # relief 10, water of 1 and of 3
    out = drained(z[None], [3 / (10 * z.size)])[0]
    # min(1, (w0 / 1)^2) + 3 (w0 / 3)^2 = 3 where w0^2 = 6
    assert out[2, 2] == 19.0 and out[6, 6] == pytest.approx(18.0, abs=1e-6)
    whole = (100 * z).astype(np.int64)
    drain(whole, 3 / (10 * z.size))
    assert whole.dtype == np.int64 and whole[2, 2] == 1900 and whole[6, 6] in (1800, 1801)


def test_floors_rise_and_keep_their_pits():
    x = np.arange(33.0) - 16
    bowl = np.minimum(30.0, x[:, None] ** 2 / 4 + x**2 / 4)
    pits = np.zeros((33, 33))
    pits[10:24:4, 10:24:4] = 2.0
    z = bowl - pits
    z[0, 0] = 60.0
    out = drained(z[None], [0.02])[0]
    # Filling to one level would leave none, a part of the depth a single one.
    for i, j in np.argwhere(pits):
        beside = np.delete(out[i - 1 : i + 2, j - 1 : j + 2], 4)
        assert beside.min() - out[i, j] > 0.3
    assert (fill(out) - out).mean() <= 0.02 * np.ptp(fill(z)) + 1e-9


def test_blocks_are_drained_apart():
    z = np.random.default_rng(1).integers(0, 1000, (19, 24))
    out = z.copy()
    drain_blocks(out, 0.001, 8)
    for i, j in ((0, 0), (8, 16)):
        part = z[i : i + 8, j : j + 8].copy()
        drain(part, 0.001, False)
        np.testing.assert_array_equal(out[i : i + 8, j : j + 8], part)
    np.testing.assert_array_equal(out[16:], z[16:])


def tiles(count=3):
    noise = torch.randn(count, 1, 64, 64, generator=torch.Generator().manual_seed(2))
    return 5 * noise.cumsum(dim=2).cumsum(dim=3) + 500 + 20 * noise


def settled(height, **asked):
    x = TensorDict({"height": height}, [len(height)])
    values = {name: torch.full((len(height),), value) for name, value in asked.items()}
    return Settle(CELL)(x, TensorDict({"asked": TensorDict(values, [len(height)])}, [len(height)]))


def test_relief_alone_and_slope_alone_are_met():
    z = tiles()
    made = settled(z, relief=321.0)["height"]
    torch.testing.assert_close(relief(made), torch.full((3,), 321.0))
    torch.testing.assert_close(made.amin(dim=(1, 2, 3)), z.amin(dim=(1, 2, 3)))
    steep = settled(z, mean_slope=25.0)["height"]
    torch.testing.assert_close(mean_slope(steep, CELL), torch.full((3,), 25.0), rtol=1e-3, atol=0)


def test_both_are_off_by_opposite_factors_and_once_is_enough():
    made = settled(tiles(), relief=900.0, mean_slope=12.0, fill_depth=1e-4)["height"]
    off = (relief(made) / 900.0).log() + (mean_slope(made, CELL) / 12.0).log()
    assert off.abs().max() < 1e-3
    assert (fill_depth(made) <= 1.01e-4).all()
    again = settled(made, relief=900.0, mean_slope=12.0, fill_depth=1e-4)["height"]
    torch.testing.assert_close(again, made, rtol=1e-4, atol=0.01)


def test_what_nobody_asked_for_stays():
    z = tiles()
    x = TensorDict({"height": z}, [3])
    assert Settle(CELL)(x, TensorDict({}, [3])) is x
    assert torch.equal(settled(z, beta=3.0)["height"], z)
    assert torch.equal(settled(z, relief=math.nan)["height"], z)
    flat = torch.zeros(1, 1, 64, 64)
    assert torch.equal(settled(flat, relief=100.0)["height"], flat)


def test_a_pooled_stretch_is_one_factor_over_the_sea():
    z = tiles()
    asked = {"relief": torch.tensor([100.0, 200.0, 300.0])}
    factor = stretch(z, asked, CELL, pooled=True)
    assert len(set(factor.flatten().tolist())) == 1
    gap = (relief(factor * z) / asked["relief"]).log().mean()
    assert abs(float(gap)) < 1e-4
    dry = (z - 500).clamp(min=-30)
    wet = stretch(z - 500, {"relief": relief(dry)}, CELL, floor=-30.0)
    torch.testing.assert_close(wet, torch.ones_like(wet), rtol=1e-4, atol=0)


@pytest.fixture(scope="module")
def world():
    asked = {"relief": 700.0, "mean_slope": 12.0, "fill_depth": 1e-3}
    generator = small_generator(900.0)
    return World(generator, torch.tensor([[1.0, 0, 1]]), 0, cell=CELL, limit=20.0, asked=asked)


def test_a_world_has_the_asked_relief_and_slope_on_average(world):
    n, _ = world._wet(Span(0, 256), Span(0, 256))
    z = torch.from_numpy(world.metres(n)).unfold(0, 64, 64).unfold(1, 64, 64)
    z = z.reshape(16, 1, 64, 64)
    off = (relief(z) / 700.0).log().mean() + (mean_slope(z, CELL) / 12.0).log().mean()
    assert abs(float(off)) < 0.05


def test_a_world_is_drained_alike_in_any_window(world):
    rows, columns = Span(-70, 190), Span(-30, 100)
    whole = world.window(rows, columns)
    assert horn(world.metres(whole.n), CELL).max() <= 20.0
    part = world.window(Span(5, 60), Span(-3, 40))
    np.testing.assert_array_equal(part.n, whole.n[75:130, 27:70])
    strips = list(world.strips(rows, columns, 50))
    np.testing.assert_array_equal(np.concatenate([s.raw for s in strips]), whole.raw)
    np.testing.assert_array_equal(np.concatenate([s.n for s in strips]), whole.n)
    block = world.raw(Span(64, 192), Span(64, 192)).astype(float)
    water = fill(block) - block
    wet, highest = world._wet(Span(64, 192), Span(64, 192))
    assert (fill(wet) - wet).mean() > 4 * water.mean()
    assert (block <= highest).all() and block.max() <= world.highest


@settings(max_examples=5, deadline=None)
@given(height=st.integers(20, 200))
def test_strips_of_any_height_are_the_same(world, height):
    rows, columns = Span(-10, 163), Span(4, 40)
    strips = list(world.strips(rows, columns, height))
    np.testing.assert_array_equal(
        np.concatenate([s.n for s in strips]), world.window(rows, columns).n
    )
