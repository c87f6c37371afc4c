import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from physgan.errors import InputError
from physgan.predictors import SplitConformal, finite_sample_quantile


def test_quantile_is_the_known_order_statistic():
    scores = torch.arange(1.0, 100.0)  # n = 99: (n + 1) * 0.9 = 90
    assert finite_sample_quantile(scores[torch.randperm(99)], 0.9) == 90.0
    assert finite_sample_quantile(torch.arange(1.0, 101.0), 0.9) == 91.0  # ceil(90.9)


def test_too_few_rows_give_an_infinite_interval():
    assert math.isinf(finite_sample_quantile(torch.ones(8), 0.9))
    assert finite_sample_quantile(torch.ones(9), 0.9) == 1.0


def test_level_outside_the_unit_interval_is_refused():
    with pytest.raises(InputError):
        finite_sample_quantile(torch.ones(9), 1.0)


@given(st.integers(10, 200), st.floats(0.05, 0.95), st.integers(0, 10_000))
def test_exchangeable_ranks_are_covered_at_the_promised_rate(n, level, seed):
    """Exact: among n + 1 distinct exchangeable scores, the count of left-out scores at or below
    the quantile of the others is at least level * (n + 1) and below level * (n + 1) + 1."""
    draw = torch.Generator().manual_seed(seed)
    scores = torch.rand(n + 1, generator=draw, dtype=torch.double)
    covered = sum(
        float(scores[i] <= finite_sample_quantile(torch.cat([scores[:i], scores[i + 1 :]]), level))
        for i in range(n + 1)
    )
    assert level * (n + 1) - 1e-6 <= covered < level * (n + 1) + 1 + 1e-6


def _problem(n, seed):
    draw = torch.Generator().manual_seed(seed)
    x = torch.rand(n, 1, generator=draw, dtype=torch.double) * 4
    noise = torch.randn(n, 1, generator=draw, dtype=torch.double) * (0.1 + x)
    return x, (0.1 + x), x + noise


def test_marginal_coverage_over_many_calibrations():
    """Mean over calibration draws of the coverage is level to within the simulation's error."""
    rates = []
    for seed in range(300):
        mean, spread, truth = _problem(60, seed)
        conformal = SplitConformal().calibrate(mean[:50], spread[:50] * 3, truth[:50])
        low, high = conformal.interval(mean[50:], spread[50:] * 3, 0.8)
        rates.append(((truth[50:] >= low) & (truth[50:] <= high)).double().mean())
    expected = math.ceil(51 * 0.8) / 51
    assert abs(float(torch.stack(rates).mean()) - expected) < 0.02


def test_normalised_width_follows_the_spread():
    mean, spread, truth = _problem(2000, 0)
    conformal = SplitConformal().calibrate(mean, spread, truth)
    low, high = conformal.interval(mean, spread, 0.9)
    factor = float(conformal.factors(0.9))
    torch.testing.assert_close(high - low, 2 * factor * spread)
    assert abs(factor - 1.6449) < 0.1  # the Gaussian quantile, because spread is the true one


def test_held_out_rows_are_covered_though_the_spread_is_wrong():
    mean, spread, truth = _problem(3000, 4)
    wrong = spread.sqrt()
    conformal = SplitConformal().calibrate(mean, wrong, truth)
    mean, spread, truth = _problem(20000, 5)
    for level in (0.5, 0.9, 0.95):
        low, high = conformal.interval(mean, spread.sqrt(), level)
        assert abs(float(((truth >= low) & (truth <= high)).double().mean()) - level) < 0.02


def test_mondrian_bins_are_covered_one_by_one():
    mean, spread, truth = _problem(6000, 1)
    constant = torch.ones_like(spread)
    binned = SplitConformal(bins=4).calibrate(mean, constant, truth)
    plain = SplitConformal().calibrate(mean, constant, truth)
    mean, _, truth = _problem(20000, 2)
    rows = mean[:, 0] < 1.0
    for conformal, low_bin in ((binned, 0.9), (plain, None)):
        low, high = conformal.interval(mean, torch.ones_like(mean), 0.9)
        rate = float(((truth >= low) & (truth <= high))[rows].double().mean())
        if low_bin is not None:
            assert abs(rate - low_bin) < 0.03
        else:
            assert rate > 0.97


def test_unknown_truths_do_not_count():
    mean, spread, truth = _problem(100, 3)
    gaps = torch.cat([truth, torch.full((50, 1), float("nan"), dtype=torch.double)])
    more = SplitConformal().calibrate(
        torch.cat([mean, mean[:50]]), torch.cat([spread, spread[:50]]), gaps
    )
    plain = SplitConformal().calibrate(mean, spread, truth)
    assert torch.equal(more.factors(0.9), plain.factors(0.9))
