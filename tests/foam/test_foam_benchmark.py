"""The benchmark of foams: what it makes of its parts, and that its contenders end alike."""

import importlib
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from physgan_foam.domain import FoamDomain
from physgan_foam.evaluation import Course, follow, follow_many
from physgan_foam.foam import Foam
from physgan_foam.initial import voronoi_labels

FOLDER = str(Path(__file__).parents[2] / "benchmarks")


@pytest.fixture(scope="module")
def load():
    """A module of the benchmarks by name; they import each other from their own folder."""
    sys.path.insert(0, FOLDER)
    yield importlib.import_module
    sys.path.remove(FOLDER)


class Pairing:
    """A surrogate that gives every second bubble to the one before."""

    def advance(self, state, y, hidden=None):
        after = state.clone()
        after["labels"] = state["labels"] // 2
        return after, None


def test_the_worst_is_the_farthest_from_each_goal(load):
    worst = load("foam_surrogate").worst
    one = {"von_neumann_r2": 0.9, "mean_sides": 5.9, "ks_area": 0.1, "seconds": 3.0}
    other = {"von_neumann_r2": 0.8, "mean_sides": 6.05, "stable_horizons": 4.0}
    assert worst({1.0: one, 0.1: other}) == {
        "surrogate_von_neumann_r2": 0.8, "surrogate_mean_sides": 5.9, "ks_area": 0.1,
        "stable_horizons": 4.0,
    }  # fmt: skip


def test_what_stays_as_it_was_is_wrong_by_how_many_bubbles_died(load):
    labels = voronoi_labels(96, (64, 64), 9)
    later = Foam((labels // 4).astype(np.int32))
    reference = Course([Foam(labels), later, later], np.array([0.0, 50.0, 80.0]), 1.0)
    found = load("foam_surrogate").persistence([reference])
    assert found["bubble_count_error"] == pytest.approx(300) and found["area_error_max"] == 0
    assert found["ks_area"] > 0 and found["mu2_error"] > 0


def test_contenders_go_from_the_same_start_to_as_many_bubbles(load, monkeypatch):
    speed = load("foam_speed")
    monkeypatch.setattr(speed, "BUBBLES", 24)
    monkeypatch.setattr(speed, "SIZE", 32)
    run = SimpleNamespace(domain=FoamDomain(), core=Pairing())
    found = speed.timed(
        run, 1.0, step=0.2, seed=9, until=20, repeats=1, training_seconds=5.0, grids=True, many=2
    )
    rows, mean = found["rows"], 32 * 32 / 12
    assert found["to"] == 12 and set(rows) == {speed.OURS, speed.TRACKED, speed.GRID, speed.COARSE}
    assert rows[speed.OURS]["statistics"]["mean_area"] == pytest.approx(mean)
    for row in rows.values():
        assert mean <= row["statistics"]["mean_area"] * (1 + 1e-9) <= 1.3 * mean
    assert rows[speed.GRID]["ratio"] == 1 and found["baseline"] == speed.GRID
    assert found["batch_size"] == 2 and rows[speed.GRID]["batch_ratio"] == 1
    assert rows[speed.OURS]["batch"]["seconds"] > 0
    assert not any(rows[speed.TRACKED]["errors"].values())
    ours = rows[speed.OURS]
    gain = rows[speed.GRID]["single"]["seconds"] - ours["single"]["seconds"]
    assert ours["break_even"] == pytest.approx(5 / gain)
    assert json.loads(json.dumps(found)) == found


def test_ratios_name_the_baseline_and_the_beta(load):
    foam = load("foam")

    def comparison(beta, to, ratio):
        rows = {
            foam.OURS: {
                "ratio": ratio,
                "break_even": None,
                "single": {"seconds": 2.0},
                "batch_ratio": None if to > 130 else ratio / 2,
            },
            foam.TRACKED: {"single": {"seconds": 2.0 * ratio}},
        }
        return {"rows": rows, "beta": beta, "to": to}

    found = foam.ratios({"front_tracking_beta01": comparison(0.1, 128, 8.0),
                         "phase_field": comparison(1.0, 480, 50.0)})  # fmt: skip
    assert found == {
        "speedup_front_tracking_beta01": 8.0, "break_even_front_tracking_beta01": None,
        "speedup_batch_front_tracking_beta01": 4.0,
        "solver_seconds_beta01": 16.0, "surrogate_seconds_beta01": 2.0,
        "speedup_phase_field": 50.0, "break_even_phase_field": None,
    }  # fmt: skip


def test_the_solver_keeps_its_laws_in_a_small_run(load, monkeypatch):
    solver = load("foam_solver")
    monkeypatch.setattr(solver, "BUBBLES", 120)
    monkeypatch.setattr(solver, "SIZE", 88)
    monkeypatch.setattr(solver, "UNTIL", 30)
    figures = solver.summary({1.0: solver.laws_kept(1.0)}, {"pn_l1": 0.05})
    assert figures["solver_von_neumann_slope_error"] < 1.5
    assert figures["solver_von_neumann_r2"] > 0.995
    assert figures["solver_identity_error_beta1"] < 2 and figures["solver_area_error"] < 1e-9
    assert figures["solver_mean_sides_error"] < 1e-12 and figures["solver_pn_l1"] == 0.05


def test_many_rollouts_end_as_each_alone_does():
    domain, core = FoamDomain(), Pairing()
    starts = [Foam(voronoi_labels(n, (64, 64), n)) for n in (24, 60)]
    told = {"step": 0.2, "until": 10}
    alone = [follow(core, domain, start, 1.0, **told).foams[-1] for start in starts]
    together = follow_many(core, domain, starts, 1.0, **told)
    for one, other in zip(alone, together, strict=True):
        assert np.array_equal(one.labels, other.labels) and one.bubbles <= 10
    # the smaller foam was left alone once it was there
    assert together[0].bubbles == 6 and together[1].bubbles == alone[1].bubbles
