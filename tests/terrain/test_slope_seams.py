"""Windows with a halo give the same cells as the whole terrain."""

import math

import numpy as np
import pytest

from physgan.errors import InputError
from physgan_terrain.slope.envelope import halo, project
from physgan_terrain.slope.integers import decode, quantise, written_halo
from physgan_terrain.slope.limit_map import map_halo, project_to_map


def terrain(seed, relief, shape=(60, 66)):
    rng = np.random.default_rng(seed)
    steps = np.where(rng.uniform(size=shape) < 0.02, 1.0, rng.uniform(0, 0.3, shape))
    steps[0, 0], steps[-1, -1] = 0.0, 1.0
    return (relief * steps).astype(np.float32) - 100


def windows(shape, core, ring):
    for top in range(0, shape[0], core):
        for left in range(0, shape[1], core):
            rows = slice(max(top - ring, 0), min(top + core + ring, shape[0]))
            columns = slice(max(left - ring, 0), min(left + core + ring, shape[1]))
            inside = (
                slice(top - rows.start, min(top + core, shape[0]) - rows.start),
                slice(left - columns.start, min(left + core, shape[1]) - columns.start),
            )
            yield (rows, columns), inside, (slice(top, top + core), slice(left, left + core))


@pytest.mark.parametrize(("relief", "limit"), [(400.0, 35.0), (900.0, 60.0), (150.0, 15.0)])
def test_projected_windows_meet_bit_for_bit(relief, limit):
    z = terrain(0, relief)
    whole = project(z, 90.0, limit)
    assert np.abs(whole - z).max() > 10
    ring = halo(relief, 90.0, limit)
    for window, inside, place in windows(z.shape, 13, ring):
        assert np.array_equal(project(z[window], 90.0, limit)[inside], whole[place])


def test_a_halo_much_smaller_does_not_do():
    z = np.zeros((60, 66), dtype=np.float32)
    z[20, 20] = 500.0
    whole = project(z, 90.0, 15.0)
    ring = halo(500.0, 90.0, 15.0) - 5
    assert any(
        not np.array_equal(project(z[window], 90.0, 15.0)[inside], whole[place])
        for window, inside, place in windows(z.shape, 13, ring)
    )


def test_windows_under_a_map_of_limits_meet_bit_for_bit():
    z = terrain(1, 400.0)
    limit = np.random.default_rng(2).uniform(25, 60, z.shape)
    whole = project_to_map(z, 90.0, limit)
    ring = map_halo(400.0, 90.0, limit)
    for window, inside, place in windows(z.shape, 13, ring):
        part = project_to_map(z[window], 90.0, limit[window])
        assert np.array_equal(part[inside], whole[place])


@pytest.mark.parametrize("step", [0.1, 40.0])
def test_written_windows_meet_bit_for_bit(step):
    z = terrain(3, 400.0)
    whole = quantise(z, step, -200.0, 90.0, 35.0)
    assert np.abs(decode(whole, step, -200.0) - z).max() > 10
    ring = written_halo(400.0, step, -200.0, 90.0, 35.0)
    assert ring >= halo(400.0, 90.0, 35.0)
    for window, inside, place in windows(z.shape, 13, ring):
        assert np.array_equal(quantise(z[window], step, -200.0, 90.0, 35.0)[inside], whole[place])


def test_the_halo_follows_relief_and_limit():
    assert halo(2500.0, 90.0, 35.0) == 43
    assert halo(0.0, 90.0, 35.0) == 1
    assert halo(2500.0, 90.0, math.inf) == 0
    with pytest.raises(InputError, match="relief"):
        halo(-1.0, 90.0, 35.0)
