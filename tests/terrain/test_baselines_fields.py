"""Fields without learning: relief, slope, spectrum, seams and state."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from physgan.errors import InputError
from physgan_terrain.baselines.fbm import FbmPrior, fbm
from physgan_terrain.baselines.gaussian import tile_relief
from physgan_terrain.baselines.spectral import SpectralPrior
from physgan_terrain.measures.hypsometry import relief
from physgan_terrain.measures.slopes import horn_slopes
from physgan_terrain.measures.spectrum import radial_power, spectral_exponent

CELL = 90.0
TILES = np.concatenate([fbm(40, 64, 2.6, 800, 1), fbm(40, 64, 3.8, np.geomspace(50, 200, 40), 2)])
LABELS = ["rough"] * 40 + ["smooth"] * 40


@pytest.fixture(scope="module")
def prior() -> SpectralPrior:
    return SpectralPrior.fit(TILES, LABELS, CELL)


@settings(deadline=None, max_examples=20)
@given(st.integers(3, 90), st.integers(3, 90), st.floats(1, 5000), st.integers(0, 10**6))
def test_fbm_has_the_relief_that_is_asked_for(
    rows: int, columns: int, height: float, seed: int
) -> None:
    z = fbm(2, (rows, columns), 3.0, height, seed)
    assert z.shape == (2, rows, columns) and z.dtype == np.float32
    assert z.min() == 0
    assert tile_relief(z[1].astype(float)) == pytest.approx(height, rel=1e-4)


def test_relief_of_a_mosaic_is_that_of_its_tiles() -> None:
    z = fbm(1, 256, 3.0, 500, 1)[0]
    tiles = z.reshape(4, 64, 4, 64).swapaxes(1, 2).reshape(16, 64, 64)
    assert np.median(relief(tiles)) == pytest.approx(500, rel=1e-4)
    assert relief(z)[0] > 600


def test_a_map_depends_on_seed_and_place_in_the_batch_alone(prior: SpectralPrior) -> None:
    np.testing.assert_array_equal(fbm(3, 32, 3.0, 100, 5)[:2], fbm(2, 32, 3.0, 100, 5))
    few, many = (prior.sample("smooth", n, 64, seed=5) for n in (2, 3))
    np.testing.assert_array_equal(many[:2], few)
    assert not np.array_equal(few, prior.sample("smooth", 2, 64, seed=6))


def test_periodic_maps_have_no_seam(prior: SpectralPrior) -> None:
    for z in (fbm(1, 128, 4.0, 500, 3, periodic=True), prior.sample("smooth", 1, 128, 3, True)):
        inside = np.abs(np.diff(z[0], axis=1)).max()
        assert np.abs(z[0][:, 0] - z[0][:, -1]).max() <= 1.5 * inside
    open_map = fbm(1, 128, 4.0, 500, 3)[0]
    assert np.abs(open_map[:, 0] - open_map[:, -1]).max() > 5 * np.abs(np.diff(open_map)).max()


def test_fbm_prior_keeps_exponent_and_relief() -> None:
    fitted = FbmPrior.fit(TILES, LABELS)
    rough = fitted.sample("rough", 60, 64, seed=9)
    assert spectral_exponent(rough).mean() == pytest.approx(2.6, abs=0.1)
    z = fitted.sample("smooth", 60, 64, seed=9)
    assert 49 < relief(z).min() < 80 and 150 < relief(z).max() < 201
    again = FbmPrior.from_state(json.loads(json.dumps(fitted.state())))
    np.testing.assert_array_equal(again.sample("rough", 2, 64, 1), fitted.sample("rough", 2, 64, 1))
    with pytest.raises(InputError, match="'marsh'"):
        fitted.sample("marsh", 1, 64, 0)


def test_spectral_prior_has_the_class_spectrum(prior: SpectralPrior) -> None:
    for name, rows in (("rough", slice(40)), ("smooth", slice(40, 80))):
        made, real = prior.sample(name, 40, 64, seed=3), TILES[rows]
        power = [radial_power(z) for z in (made, real)]
        shapes = [(one / one.sum(axis=1, keepdims=True)).mean(axis=0)[1:] for one in power]
        gap = 10 * np.log10(shapes[0] / shapes[1])
        assert np.sqrt((gap**2).mean()) < 2 and np.abs(gap).max() < 3


def test_spectral_prior_draws_relief_and_mean_slope_of_the_class(prior: SpectralPrior) -> None:
    z = prior.sample("smooth", 60, 64, seed=4)
    field = prior.classes["smooth"]
    pairs = dict(zip(np.round(field.relief, 2), field.mean_slope, strict=True))
    slopes = horn_slopes(z, CELL).mean(axis=(1, 2))
    for height, slope in zip(relief(z), slopes, strict=True):
        nearest = min(pairs, key=lambda one, height=height: abs(one - height))
        assert nearest == pytest.approx(height, rel=1e-3)
        assert slope == pytest.approx(pairs[nearest], rel=0.02)


def test_spectral_prior_survives_its_state(prior: SpectralPrior) -> None:
    again = SpectralPrior.from_state(json.loads(json.dumps(prior.state())))
    np.testing.assert_array_equal(again.sample("rough", 1, 96, 2), prior.sample("rough", 1, 96, 2))
    with pytest.raises(InputError, match="known: rough, smooth"):
        prior.sample("marsh", 1, 64, 0)
    with pytest.raises(InputError, match="at least 3 x 3"):
        prior.sample("rough", 1, 2, 0)


def test_power_is_smooth_beyond_what_was_measured(prior: SpectralPrior) -> None:
    f = np.geomspace(1 / 4096, 0.7071, 200)
    power = prior.power("smooth")(f)
    assert (power > 0).all() and (np.diff(power) <= 1e-12).all()
    assert power[0] == pytest.approx(prior.power("smooth")(np.array([1 / 256]))[0])
