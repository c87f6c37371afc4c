"""Coverage, Wasserstein distances and success rates in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from physgan.errors import InputError
from physgan_crystal.metrics.coverage import Cutoffs, coverage, nearest
from physgan_crystal.metrics.distances import PERCENTILES, distribution_distance, success_rates

CUT = Cutoffs(0.4, 10.0)


def test_identical_sets_cover_each_other() -> None:
    rng = np.random.default_rng(0)
    struct, comp = rng.random((30, 61)), rng.normal(size=(30, 132))
    found = coverage(struct, comp, struct, comp, CUT, 30)
    assert found.recall == found.precision == 100.0
    assert found.amsd_recall == found.amcd_precision == 0.0


def test_those_without_fingerprint_lower_the_precision_only() -> None:
    points = np.zeros((5, 2))
    found = coverage(points, points, points, points, CUT, 20)
    assert (found.recall, found.precision) == (100.0, 25.0)


def test_the_two_minima_may_come_from_different_crystals() -> None:
    struct = np.array([[0.0], [9.0]])
    comp = np.array([[99.0], [0.0]])
    found = coverage(struct, comp, np.zeros((1, 1)), np.zeros((1, 1)), CUT, 2)
    assert found.recall == 100.0 and found.precision == 0.0


def test_cutoffs_are_inclusive() -> None:
    found = coverage(
        np.array([[0.4]]), np.array([[10.0]]), np.zeros((1, 1)), np.zeros((1, 1)), CUT, 1
    )
    assert found.recall == 100.0


def test_nothing_generated_covers_nothing() -> None:
    none = np.zeros((0, 3))
    found = coverage(none, none, np.zeros((4, 3)), np.zeros((4, 3)), CUT, 7)
    assert found.recall == 0.0 and found.precision == 0.0


@given(rows=st.integers(1, 40))
def test_chunks_do_not_change_the_nearest(rows: int) -> None:
    rng = np.random.default_rng(1)
    a, b = rng.random((33, 4)), rng.random((21, 4))
    whole, part = nearest(a, b, 1000), nearest(a, b, rows)
    np.testing.assert_array_equal(whole[0], part[0])
    np.testing.assert_array_equal(whole[1], part[1])


@given(shift=st.floats(-50, 50))
def test_a_shift_is_its_own_distance(shift: float) -> None:
    values = np.random.default_rng(2).random(200)
    found = distribution_distance(values + shift, values, size=1000)
    assert found.all == pytest.approx(abs(shift), abs=1e-9)
    assert found.mean == found.all and found.sd == 0.0


def test_draws_are_seeded_and_spread() -> None:
    values = np.random.default_rng(3).normal(size=3000)
    first = distribution_distance(values, values, draws=20, seed=1)
    assert first == distribution_distance(values, values, draws=20, seed=1)
    assert first != distribution_distance(values, values, draws=20, seed=2)
    assert first.all == 0.0 and first.mean > 0.0 and first.sd > 0.0


def test_values_that_are_missing_are_dropped() -> None:
    found = distribution_distance(np.array([1.0, np.nan]), np.array([0.0]))
    assert found.all == 1.0
    assert np.isnan(distribution_distance(np.array([np.nan]), np.array([0.0])).all)


def test_success_rates_count_the_lowest() -> None:
    low, middle, high = PERCENTILES["perov_5"]
    rates = success_rates(np.array([low - 1, middle, high + 1, np.nan]), "perov_5")
    assert rates == {"sr5": 25.0, "sr10": 50.0, "sr15": 50.0}
    with pytest.raises(InputError, match="perov_5"):
        success_rates(np.zeros(1), "nothing")
