"""The two-sample test, the class judge, distances and the whole evaluation."""

from __future__ import annotations

import json

import numpy as np
import pytest

from physgan.errors import InputError
from physgan_terrain.baselines.fbm import fbm
from physgan_terrain.measures.classes import ClassJudge, ClassScore, describe
from physgan_terrain.measures.distances import (
    fill_ratio,
    hypsometric_gap,
    slope_w1,
    spectrum_distance,
)
from physgan_terrain.measures.evaluation import evaluate
from physgan_terrain.measures.features import FEATURES, features
from physgan_terrain.measures.two_sample import auc, match_classes

CELL = 90.0
ROUGH, SMOOTH = fbm(40, 64, 2.5, 800, 1), fbm(40, 64, 4.5, 100, 2)
COLUMNS = np.mgrid[:64, :64][1].astype(float)


def test_features_have_their_names_and_known_values() -> None:
    ramp = COLUMNS * CELL * np.tan(np.radians(20))
    found = dict(zip(FEATURES, features(ramp, CELL)[0], strict=True))
    assert len(found) == 11
    assert found["mean_slope"] == pytest.approx(20)
    assert found["p95_slope"] == pytest.approx(20)
    assert found["relief"] == pytest.approx(np.log10(ramp.max()))
    assert found["hypsometric_integral"] == pytest.approx(0.5)
    assert found["fill_share"] == found["pits"] == found["fill_depth"] == 0


def test_features_do_not_depend_on_the_stack() -> None:
    np.testing.assert_allclose(features(ROUGH[:3], CELL)[2], features(ROUGH[2], CELL)[0])


def test_halves_of_one_sample_cannot_be_told_apart() -> None:
    x = np.random.default_rng(0).standard_normal((1000, 5))
    found = auc(x[:500], x[500:], seed=0, trees=40)
    assert found.auc == pytest.approx(0.5, abs=0.05)
    assert 0.03 < found.high - found.low < 0.15 and found.low < found.auc < found.high
    assert auc(x[:50], x[50:99], 1, trees=5) == auc(x[:50], x[50:99], 1, trees=5)


def test_disjoint_samples_are_told_apart_and_sides_are_balanced() -> None:
    rng = np.random.default_rng(1)
    found = auc(rng.uniform(0, 1, (60, 3)), rng.uniform(2, 3, (200, 3)), seed=0, trees=40)
    assert found.auc == found.low == 1.0
    assert found.real == found.generated == 60


def test_groups_keep_a_shift_between_regions_out() -> None:
    rng = np.random.default_rng(2)
    regions = np.repeat(np.arange(20), 20)
    x = rng.standard_normal((20, 4))[regions] + 0.01 * rng.standard_normal((400, 4))
    first, second = regions % 2 == 0, regions % 2 == 1
    by_rows = auc(x[first], x[second], seed=0, trees=40)
    by_regions = auc(
        x[first], x[second], seed=0, trees=40, groups=(regions[first], regions[second])
    )
    assert by_rows.auc > 0.99
    assert by_regions.auc < 0.8
    assert by_regions.high - by_regions.low > by_rows.high - by_rows.low


def test_too_few_tiles_or_groups_are_refused() -> None:
    x = np.zeros((30, 2))
    with pytest.raises(InputError, match="too few"):
        auc(x[:5], x, seed=0, trees=40)
    with pytest.raises(InputError, match="2 groups"):
        auc(x, x, seed=0, trees=40, groups=([0, 1] * 15, None))


def test_matching_gives_both_sides_the_same_classes() -> None:
    real = ["a"] * 7 + ["b"] * 3 + ["c"] * 5
    generated = ["b"] * 6 + ["a"] * 4 + ["d"]
    first, second = match_classes(real, generated, seed=0)
    assert len(set(first)) == len(first) and len(set(second)) == len(second)
    assert sorted(np.array(real)[first]) == sorted(np.array(generated)[second])
    assert sorted(np.array(real)[first]) == ["a"] * 4 + ["b"] * 3
    assert len(match_classes(real, generated, seed=0, most=2)[0]) == 4
    with pytest.raises(InputError, match="no class"):
        match_classes(["a"], ["b"], seed=0)


def test_slope_distance_of_two_ramps_is_their_angle() -> None:
    ramps = [COLUMNS * CELL * np.tan(np.radians(angle)) for angle in (10, 25)]
    assert slope_w1(*ramps, CELL) == pytest.approx(15)
    assert slope_w1(ROUGH, ROUGH[::-1], CELL) == pytest.approx(0, abs=1e-9)


def test_distances_of_known_surfaces() -> None:
    steps = np.zeros((64, 64))
    steps[:16] = 10
    assert hypsometric_gap(steps, COLUMNS) == pytest.approx(0.25)
    bowl, wide = np.zeros((64, 64)), np.zeros((64, 64))
    bowl[8:16, 8:16] = wide[8:24, 8:16] = -1
    assert fill_ratio(bowl, wide) == pytest.approx(2)
    assert fill_ratio(COLUMNS, COLUMNS) == 1
    assert fill_ratio(COLUMNS, bowl) == np.inf
    assert spectrum_distance(ROUGH, 10 * ROUGH.astype(float)) == pytest.approx(20)
    with pytest.raises(InputError, match="cells"):
        spectrum_distance(ROUGH, ROUGH[:, :32, :32])


@pytest.fixture(scope="module")
def judge() -> ClassJudge:
    labels = ["rough"] * 20 + ["smooth"] * 20
    halves = [np.concatenate([ROUGH[k::2], SMOOTH[k::2]]) for k in (0, 1)]
    return ClassJudge.fit((halves[0], labels), (halves[1], labels), CELL)


def test_the_judge_tells_classes_and_its_ceiling(judge: ClassJudge) -> None:
    assert describe(ROUGH[:2], CELL).shape == (2, 29)
    assert judge.ceiling.accuracy == 1 and judge.ceiling.sure == ("rough", "smooth")
    assert judge.ceiling.tiles == {"rough": 20, "smooth": 20}
    wrong = judge.score(ROUGH, ["smooth"] * 30 + ["rough"] * 10)
    assert wrong.recall == {"rough": 1, "smooth": 0}
    assert (wrong.accuracy, wrong.balanced) == (0.25, 0.5)
    assert judge.over_ceiling(wrong) == 0.5
    with pytest.raises(InputError, match="'marsh'"):
        judge.score(ROUGH[:1], ["marsh"])


def test_only_sure_classes_count_against_the_ceiling(judge: ClassJudge) -> None:
    ceiling = ClassScore(0.7, 0.7, {"rough": 0.8, "smooth": 0.5}, {"rough": 1, "smooth": 1})
    limited = ClassJudge(judge.forest, CELL, None, ceiling)
    found = ClassScore(0.5, 0.5, {"rough": 0.6, "smooth": 0.0}, {"rough": 1, "smooth": 1})
    assert limited.over_ceiling(found) == pytest.approx(0.75)
    assert np.isnan(limited.over_ceiling(ClassScore(0, 0, {"smooth": 1.0}, {"smooth": 1})))


def test_evaluation_of_a_good_and_a_bad_generator(judge: ClassJudge) -> None:
    real = {"rough": ROUGH[::2], "smooth": SMOOTH[::2]}
    good = evaluate({"rough": ROUGH[1::2], "smooth": SMOOTH[1::2]}, real, CELL, judge, 0, trees=20)
    bad = evaluate({"rough": SMOOTH[1::2], "smooth": ROUGH[1::2]}, real, CELL, judge, 0, trees=20)
    assert good.summary["class_accuracy_over_ceiling"] == 1
    assert bad.summary["class_accuracy_over_ceiling"] == 0
    assert good.summary["slope_w1_worst_class"] < 1 < 5 < bad.summary["slope_w1_worst_class"]
    assert 0.8 < good.summary["fill_ratio"] < 1.25 < 2 < bad.summary["fill_ratio_worst_class"]
    assert good.summary["hypsometric_gap"] <= good.summary["hypsometric_gap_worst_class"] < 0.15
    assert good.features["generated"]["rough"].shape == (20, 11)
    assert set(good.classes) == {"rough", "smooth"}
    # the pooled tiles are the same on both sides, so that only the classes tell
    assert bad.summary["two_sample_auc"] == pytest.approx(good.summary["two_sample_auc"], abs=0.2)


def test_distances_can_be_taken_to_more_real_tiles_than_the_test_sees() -> None:
    ramps = [
        np.stack([(1 + k / 500) * COLUMNS * CELL * np.tan(np.radians(angle)) for k in range(10)])
        for angle in (10, 20, 30)
    ]
    found = evaluate(
        {"ramp": ramps[2]},
        {"ramp": ramps[1]},
        CELL,
        None,
        0,
        reference={"ramp": ramps[0]},
        step=None,
        trees=5,
    )
    assert found.summary["slope_w1_worst_class"] == pytest.approx(20, abs=0.5)
    assert found.classes["ramp"]["floor"]["slope_w1"] == pytest.approx(10, abs=0.5)
    assert found.summary["two_sample_auc"] == found.summary["fill_ratio"] == 1


def test_evaluation_with_mosaics_and_regions_is_plain_json() -> None:
    real, made = {"rough": ROUGH[:20]}, {"rough": ROUGH[20:], "unknown": SMOOTH}
    regions = {"rough": [f"region {k % 6}" for k in range(20)]}
    mosaics = {"rough": fbm(1, 256, 2.5, 800, 4)}
    found = evaluate(
        made, real, CELL, None, 0, trees=20, regions=regions, mosaics=mosaics, real_mosaics=mosaics
    )
    assert found.summary["rivers_real"] == found.summary["rivers_generated"]
    assert set(found.summary["rivers_real"]) == {
        "hack_exponent",
        "drainage_density",
        "area_exponent",
    }
    assert "two_sample_unseen_regions" in found.summary and set(found.classes) == {"rough"}
    again = json.loads(json.dumps(found.as_json(), allow_nan=False))
    assert again["summary"]["two_sample_auc"] == found.summary["two_sample_auc"]
    assert set(again["features"]["real"]["rough"][0]) == set(FEATURES)
    with pytest.raises(InputError, match="share no class"):
        evaluate({"a": ROUGH}, {"b": ROUGH}, CELL, None, 0)
