"""Bands cover what they say, on a stepper whose noise is that of the world."""

import math

import numpy as np
import pytest
import torch
from heat import POINTS, TRUE, HeatDomain, decayed
from tensordict import TensorDict

from physgan.errors import InputError
from physgan.sequences import Truth
from physgan.surrogate.plots import plot_watched
from physgan.surrogate.rollout import Series, Trajectory
from physgan.surrogate.trust import (
    Band,
    Calibration,
    Horizon,
    bands,
    calibrate,
    ensemble,
    horizon,
    narrowest,
)


class Noisy:
    """The exact solution with a diffusivity that is drawn anew for each row and pass."""

    def __init__(self, spread):
        self.spread = spread

    def advance(self, state, y, hidden=None):
        field = state["field"]
        d = TRUE * (1 + self.spread * torch.randn(len(field), 1))
        return TensorDict({"field": decayed(field, d, y["step"])}, [len(field)]), None


def world(spread, n, steps=6, seed=5):
    """Sequences of a world that draws its diffusivity so too."""
    domain, found = HeatDomain(), []
    torch.manual_seed(seed)
    for _ in range(n):
        states, y = [domain.begin(None, 1, 0)], {"step": torch.tensor([0.5])}
        for _ in range(steps):
            states.append(Noisy(spread).advance(states[-1], y)[0])
        found.append(Truth(torch.cat(states), 0.5 * np.arange(steps + 1), {"step": 0.5}))
    return found


def test_bands_of_the_worlds_own_noise_need_the_factor_of_a_gaussian():
    found = calibrate([Noisy(0.1)], HeatDomain(), world(0.1, 160), members=16, level=0.9)
    domain, y = HeatDomain(), {"step": torch.tensor([0.5])}
    band = bands(ensemble([Noisy(0.1)], domain, domain.begin(None, 1, 0), y, 64, steps=6))[
        "contrast"
    ]
    half = found.half("contrast", band)
    assert np.median(half[1:] / band.spread[1:]) == pytest.approx(1.645, rel=0.2)
    assert found.coverage["contrast"] == pytest.approx(0.9, abs=0.06)
    assert found.longest == 3.0 and found.sequences == 160
    assert "mean" not in found.factors, "what never differs has no band"


def test_an_overconfident_ensemble_gets_a_larger_factor():
    found = calibrate([Noisy(0.02)], HeatDomain(), world(0.1, 24), members=16, level=0.9)
    assert found.factors["contrast"] > 4


def test_a_spread_of_nearly_nothing_is_not_taken_at_its_word():
    random = np.random.default_rng(0)
    gap, spread = np.abs(random.normal(size=2000)), np.exp(3 * random.normal(size=2000) - 6)
    factor, share = narrowest(np.stack([gap, spread, np.full(2000, 100.0)], axis=1), 0.9)
    assert share > 0 and np.mean(gap <= factor * (spread + 100 * share)) == pytest.approx(
        0.9, abs=0.01
    )
    # with b = 0.03 the spread hardly counts, so that the band is that of a Gaussian
    assert np.median(factor * (spread + 100 * share)) == pytest.approx(1.645, rel=0.1)
    factor, share = narrowest(np.stack([gap, np.ones(2000), np.full(2000, 100.0)], axis=1), 0.9)
    assert factor * (1 + 100 * share) == pytest.approx(1.645, rel=0.1)


def test_what_is_no_number_has_no_band():
    gap, one = np.array([1.0, np.nan, 2.0]), np.ones(3)
    assert narrowest(np.stack([gap, one, one], axis=1), 0.9) is None
    assert narrowest(np.stack([one, 0 * one, 0 * one], axis=1), 0.9) is None


def test_members_that_do_not_differ_cannot_be_calibrated():
    with pytest.raises(InputError, match="do not differ"):
        calibrate([Noisy(0.0)], HeatDomain(), world(0.1, 4), members=4)
    with pytest.raises(InputError, match="two or more"):
        calibrate([Noisy(0.1)], HeatDomain(), world(0.1, 1))


def test_members_are_shared_among_runs():
    domain, y = HeatDomain(), {"step": torch.tensor([0.5])}
    runs = [Noisy(0.1), Noisy(0.1)]
    made = ensemble(runs, domain, domain.begin(None, 1, 0), y, 5, steps=2)
    assert [t.times.shape[1] for t in made] == [3, 2]
    band = bands(made)["contrast"]
    values = np.concatenate([t.watched["contrast"].values.numpy() for t in made], axis=1)
    assert np.allclose(band.mean, values.mean(axis=1))
    assert np.allclose(band.spread, values.std(axis=1, ddof=1))
    with pytest.raises(InputError, match="one each"):
        ensemble(runs, domain, domain.begin(None, 1, 0), y, 1, steps=2)


def trajectory(values, residuals=None, tolerance=0.1):
    values = torch.tensor(values, dtype=torch.double)[:, None]
    law = None if residuals is None else torch.tensor(residuals, dtype=torch.double)[:, None]
    times = torch.arange(len(values)).double()[:, None]
    return Trajectory([], [], times, {"q": Series("", tolerance, "", values, law)}, "steps")


def test_the_horizon_is_where_the_band_grows_or_the_law_breaks():
    times = np.arange(5.0)
    band = {"q": Band(times, np.ones(5), 0.03 * times)}
    calibration = Calibration(0.9, {"q": 2.0}, {"q": 0.0}, 10.0, 4, {})
    made = [trajectory([1.0] * 5)]
    found = horizon(band, made, calibration, bound=0.15)
    assert found.time == 3.0 and "band of q" in found.reason
    assert horizon(band, made, calibration, bound=0.5) == Horizon(math.inf)
    broken = [trajectory([1.0] * 5, [0.0, 0.2, 0.0, 0.0])]
    assert horizon(band, broken, calibration, bound=0.15) == Horizon(2.0, "q breaks its law")
    short = Calibration(0.9, {"q": 2.0}, {"q": 0.0}, 1.5, 4, {})
    assert horizon(band, made, short, bound=0.15).time == 1.5


def test_windows_make_sequences_and_a_calibration_is_kept(tmp_path):
    domain = HeatDomain()
    batch = domain.load(None, "val").batch
    found = domain.truths(None, "val", 3)
    assert len(found) == 3 and found[0].states["field"].shape == (5, POINTS)
    assert np.allclose(found[0].times, found[0].y["step"] * np.arange(5))
    assert torch.equal(found[0].states["field"][1], batch["x", "field"][0, 0])
    kept = Calibration(0.9, {"q": 2.0}, {"q": 0.0}, 3.0, 4, {"q": 0.9})
    kept.write(tmp_path)
    assert Calibration.read(tmp_path) == kept and Calibration.read(tmp_path / "no") is None


def test_the_plot_shows_the_band_and_where_trust_ends():
    band = {"q": Band(np.arange(3.0), np.ones(3), np.array([0, 0.1, 0.2]))}
    calibration = Calibration(0.9, {"q": 2.0}, {"q": 0.0}, 3.0, 4, {})
    figure = plot_watched(
        [trajectory([1.0] * 3, [0.0, 0.2])], band, Horizon(1.0, "so"), calibration
    )
    left, right = figure.axes
    labels = left.get_legend_handles_labels()[1]
    assert "90% band" in labels and right.get_yscale() == "log"
    (polygon,) = left.collections
    assert polygon.get_paths()[0].vertices[:, 1].max() == pytest.approx(1.4)
    assert "not to be trusted" in figure.get_suptitle()
