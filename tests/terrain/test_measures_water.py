"""Sinks, pits and river networks against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from physgan.errors import InputError
from physgan_terrain.baselines.fbm import fbm
from physgan_terrain.measures.drainage import pit_share, sinks
from physgan_terrain.measures.rivers import flow, network

CELL = 90.0


def test_a_bowl_holds_water_and_a_roof_none() -> None:
    box = np.zeros((10, 10))
    box[1:-1, 1:-1] = -4
    found = sinks(np.stack([box, -box]))
    np.testing.assert_allclose(found.share, [0.64, 0])
    np.testing.assert_allclose(found.depth, [2.56, 0])
    np.testing.assert_allclose(found.relative_depth, [0.64, 0])


def test_a_breached_bowl_drains() -> None:
    box = np.zeros((9, 9))
    box[1:-1, 1:-1] = -4
    box[0, 4] = -3
    assert sinks(box).depth[0] == pytest.approx(49 / 81)


def test_pits_are_strict() -> None:
    z = np.ones((6, 6))
    z[2, 2] = 0
    assert pit_share(z)[0] == pytest.approx(1 / 16)
    z[2, 3] = 0
    assert pit_share(z)[0] == 0


def test_pits_of_fbm_are_as_published_for_this_spectrum() -> None:
    assert pit_share(fbm(100, 64, 3.0, 500, 3)).mean() == pytest.approx(0.044, abs=0.004)


def test_a_plane_drains_in_straight_lines() -> None:
    z = np.tile(np.arange(40, 0, -1.0)[:, None], (1, 30))
    water = flow(z, CELL)
    np.testing.assert_allclose(water.area, np.tile(np.arange(1, 41)[:, None], (1, 30)) * CELL**2)
    np.testing.assert_allclose(water.length, np.tile(np.arange(40)[:, None], (1, 30)) * CELL)
    assert (water.step[:-1] == CELL).all() and (water.step[-1] == 0).all()


def test_a_diagonal_valley_is_longer() -> None:
    rows, columns = np.mgrid[:20, :20].astype(float)
    z = 10 * np.abs(rows - columns) - (rows + columns)
    water = flow(z, 1.0)
    assert water.length[19, 19] == pytest.approx(19 * np.sqrt(2))
    assert water.area[19, 19] == 400


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**31))
def test_all_water_leaves_the_window_once(seed: int) -> None:
    z = np.random.default_rng(seed).standard_normal((24, 31))
    water = flow(z, 1.0)
    assert water.area[water.step == 0].sum() == pytest.approx(z.size)
    interior = water.step[1:-1, 1:-1]
    assert (interior > 0).all()


def test_network_of_a_plane() -> None:
    z = np.tile(np.arange(256, 0, -1.0)[:, None], (1, 256))
    found = network(z, 100.0, threshold=1e5)
    # area and length grow together along a line, and channels start ten cells down
    assert found.hack_exponent == pytest.approx(1, abs=0.05)
    assert found.drainage_density == pytest.approx(10 * 246 / 256, rel=1e-6)


def test_network_of_fbm_is_in_the_known_range() -> None:
    found = [network(z, CELL) for z in fbm(3, 256, 3.5, 800, 5)]
    assert 0.3 < np.mean([one.hack_exponent for one in found]) < 0.55
    assert 0.5 < np.mean([one.drainage_density for one in found]) < 1.6
    assert 0.3 < np.mean([one.area_exponent for one in found]) < 1


def test_too_small_windows_are_refused() -> None:
    with pytest.raises(InputError, match="128"):
        network(np.zeros((64, 64)), CELL)
    with pytest.raises(InputError, match="one window"):
        flow(np.zeros((2, 64, 64)), CELL)
