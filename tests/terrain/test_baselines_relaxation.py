"""The baselines that lower slopes without a guarantee."""

import math

import numpy as np
import pytest

from physgan.errors import InputError
from physgan_terrain.baselines.poisson import clip_gradients
from physgan_terrain.baselines.thermal import relax
from physgan_terrain.slope.operators import largest_slope
from physgan_terrain.slope.steps import edge_steps


def rough(seed=0, shape=(40, 44)):
    rng = np.random.default_rng(seed)
    z = np.cumsum(np.cumsum(rng.normal(size=shape), 0), 1)
    return z / np.abs(z).max() * 3000 + 40 * rng.normal(size=shape)


@pytest.mark.parametrize("method", [relax, clip_gradients])
def test_both_lower_the_slopes_and_keep_the_mean(method):
    z = rough()
    gentler = method(z, 90.0, 35.0)
    assert largest_slope(gentler, 90.0) < largest_slope(z, 90.0)
    assert gentler.mean() == pytest.approx(z.mean())
    assert method(z.astype(np.float32), 90.0, 35.0).dtype == np.float32


@pytest.mark.parametrize("method", [relax, clip_gradients])
def test_gentle_terrain_stays(method):
    z = rough() / 300
    np.testing.assert_allclose(method(z, 90.0, 35.0), z, rtol=0, atol=1e-9)
    np.testing.assert_allclose(method(rough(), 90.0, math.inf), rough(), rtol=0, atol=1e-9)


def test_two_cells_slide_to_rest():
    z = np.array([[400.0, 0.0]])
    axis = float(edge_steps(90.0, 35.0, np.float64)[0])
    one = relax(z, 90.0, 35.0, iterations=1, rate=0.25)
    moved = 0.25 * (400 - axis)
    np.testing.assert_allclose(one, [[400 - moved, moved]])
    rest = relax(z, 90.0, 35.0, iterations=100, rate=0.5)
    np.testing.assert_allclose(rest, [[200 + axis / 2, 200 - axis / 2]])


def test_an_excess_is_shared_in_proportion():
    z = np.array([[0.0, 300.0, 100.0]])
    axis = float(edge_steps(90.0, 35.0, np.float64)[0])
    given = 0.25 * (300 - axis)
    left, right = 300 - axis, 200 - axis
    expected = [given * left / (left + right), 300 - given, 100 + given * right / (left + right)]
    np.testing.assert_allclose(relax(z, 90.0, 35.0, iterations=1, rate=0.25)[0], expected)


def test_sliding_nears_the_limit_with_time_and_never_quite_gets_there_soon():
    z = rough()
    worst = [largest_slope(relax(z, 90.0, 20.0, iterations=n), 90.0) for n in (0, 20, 400)]
    assert worst[0] > worst[1] > worst[2]
    assert worst[1] > 20


def test_a_steep_plane_becomes_one_at_the_limit():
    # on a ramp the clipped field has no curl, and the integration is exact
    columns = np.mgrid[:20, :30][1] * 90.0
    ramp = columns * math.tan(math.radians(60))
    gentler = clip_gradients(ramp, 90.0, 35.0)
    expected = columns * math.tan(math.radians(35))
    np.testing.assert_allclose(gentler - gentler.mean(), expected - expected.mean(), atol=1e-6)


def test_clipped_gradients_leave_cells_over_the_limit():
    assert largest_slope(clip_gradients(rough(), 90.0, 20.0), 90.0) > 20.0


def test_wrong_settings_are_refused():
    with pytest.raises(InputError, match="rate"):
        relax(rough(), 90.0, 35.0, rate=0.9)
    with pytest.raises(InputError, match="iterations"):
        relax(rough(), 90.0, 35.0, iterations=-1)
    for method in (relax, clip_gradients):
        with pytest.raises(InputError, match="0 to 90"):
            method(rough(), 90.0, 0.0)
