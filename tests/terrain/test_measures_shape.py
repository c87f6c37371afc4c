"""Spectrum, hypsometry and curvature against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from physgan.errors import InputError
from physgan_terrain.baselines.fbm import fbm
from physgan_terrain.measures.curvature import (
    coarse_curvature_skew,
    curvature_kurtosis,
    laplacian,
)
from physgan_terrain.measures.hypsometry import (
    hypsometric_curve,
    hypsometric_integral,
    relief,
)
from physgan_terrain.measures.spectrum import (
    class_spectra,
    exponents,
    frequencies,
    radial_power,
    spectral_exponent,
)
from physgan_terrain.measures.stacks import as_stack, rounded

ROWS, COLUMNS = np.mgrid[:64, :64].astype(float)


def test_power_of_white_noise_is_its_variance() -> None:
    noise = 3 * np.random.default_rng(0).standard_normal((200, 64, 64))
    power = radial_power(noise)
    assert power.shape == (200, 33)
    np.testing.assert_allclose(power.mean(axis=0)[3:], 9, rtol=0.08)


def test_power_of_a_wave_lies_at_its_frequency() -> None:
    power = radial_power(np.sin(2 * np.pi * 8 * COLUMNS / 64))[0]
    assert power.argmax() == 8
    assert power[7:10].sum() > 0.99 * power.sum()


def test_exponent_of_an_exact_power_law() -> None:
    f = frequencies(64, 64)
    power = np.concatenate([[1.0], f[1:] ** -3.7])[None]
    assert exponents(power, f)[0] == pytest.approx(3.7)


@pytest.mark.parametrize("beta", [2.5, 3.5])
def test_exponent_of_fbm_at_two_sizes(beta: float) -> None:
    assert spectral_exponent(fbm(60, 64, beta, 500, 1)).mean() == pytest.approx(beta, abs=0.12)
    assert spectral_exponent(fbm(6, 256, beta, 500, 1)).mean() == pytest.approx(beta, abs=0.12)


def test_class_spectra_do_not_depend_on_relief() -> None:
    z = fbm(6, 64, 3.0, 300, 2).astype(float)
    z[3:] = 100 * z[:3]
    found = class_spectra(z, ["low"] * 3 + ["high"] * 3)
    np.testing.assert_allclose(found["low"], found["high"], rtol=1e-6)
    assert found["low"].sum() == pytest.approx(1)


def test_hypsometry_of_a_cone_a_ramp_and_steps() -> None:
    ramp = COLUMNS.copy()
    steps = np.zeros((64, 64))
    steps[:16] = 10
    assert relief(steps)[0] == 10
    np.testing.assert_allclose(hypsometric_integral(np.stack([ramp, steps])), [0.5, 0.25])
    curve = hypsometric_curve(steps, points=5)[0]
    np.testing.assert_allclose(curve, [1, 0.25, 0.25, 0.25, 0.25])
    np.testing.assert_allclose(hypsometric_curve(ramp, points=3)[0], [1, 0.5, 1 / 64])


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**31), st.floats(0.1, 100), st.floats(-1000, 1000))
def test_shape_measures_ignore_scale_and_offset(seed: int, scale: float, offset: float) -> None:
    z = np.random.default_rng(seed).standard_normal((2, 32, 32)).cumsum(axis=1)
    other = scale * z + offset
    for measure in (hypsometric_integral, spectral_exponent):
        np.testing.assert_allclose(measure(other), measure(z), rtol=1e-6)
    for measure in (curvature_kurtosis, coarse_curvature_skew):
        np.testing.assert_allclose(measure(other, 90.0), measure(z, 30.0), rtol=1e-5, atol=1e-7)


def test_laplacian_of_a_paraboloid() -> None:
    bowl = 0.5 * ((ROWS * 90) ** 2 + (COLUMNS * 90) ** 2)
    np.testing.assert_allclose(laplacian(bowl, 90.0), 2.0)


def test_curvature_of_a_gaussian_field_and_of_a_spike() -> None:
    fields = np.random.default_rng(1).standard_normal((40, 64, 64))
    assert curvature_kurtosis(fields, 90.0).mean() == pytest.approx(3, abs=0.05)
    assert coarse_curvature_skew(fields, 90.0).mean() == pytest.approx(0, abs=0.05)
    spike = np.zeros((64, 64))
    spike[32, 32] = 100
    assert curvature_kurtosis(spike, 90.0)[0] > 500


def test_ridges_that_are_sharper_than_valleys_give_negative_skew() -> None:
    ridges = -np.abs((COLUMNS % 32) - 16)
    assert coarse_curvature_skew(ridges, 90.0)[0] == pytest.approx(
        -coarse_curvature_skew(-ridges, 90.0)[0]
    )
    sharp = np.exp(-(((COLUMNS % 32) - 16) ** 2) / 18)
    assert coarse_curvature_skew(sharp, 90.0)[0] < -0.5


def test_a_flat_tile_has_no_shape() -> None:
    flat = np.full((64, 64), 5.0)
    assert relief(flat)[0] == 0
    for value in (
        hypsometric_integral(flat),
        spectral_exponent(flat),
        curvature_kurtosis(flat, 90.0),
        coarse_curvature_skew(flat, 90.0),
    ):
        assert np.isnan(value).all()


def test_stacks_are_checked_and_rounded() -> None:
    with pytest.raises(InputError, match="shape"):
        as_stack(np.zeros(5))
    with pytest.raises(InputError, match="not finite"):
        as_stack(np.full((4, 4), np.nan))
    z = np.full((4, 4), 1.3)
    assert rounded(z, 0.5).max() == 1.5
    assert rounded(z, None).max() == 1.3
