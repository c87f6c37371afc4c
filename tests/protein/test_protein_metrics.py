"""The metrics of sequences at answers worked out by hand, and their laws."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("rapidfuzz")

from physgan.errors import InputError
from physgan_protein.alphabet import AMINO_ACIDS
from physgan_protein.metrics.control import calibration
from physgan_protein.metrics.edits import (
    diversity,
    hamming,
    hamming_diversity,
    high_novelty,
    identity,
    levenshtein,
    nearest,
    novelty,
    unique_share,
)
from physgan_protein.metrics.family import Profile, coupling_correlation, mutual_information
from physgan_protein.metrics.fitness import design_figures, normalised
from physgan_protein.metrics.spectrum import mean_reciprocal_rank, mmd, mmd_test, spectrum

sequences = st.lists(st.text("ACDE", min_size=1, max_size=6), min_size=2, max_size=6)


def test_levenshtein_of_textbook_pairs():
    assert levenshtein(["KITTEN", "SVNDAY"], ["SITTING", "SATVRDAY"]).tolist() == [[3, 7], [6, 3]]


@settings(deadline=None, max_examples=40)
@given(sequences, sequences)
def test_levenshtein_is_a_distance_below_hamming(a, b):
    table = levenshtein([*a, *b], [*a, *b])
    assert (table == table.T).all() and (np.diag(table) == 0).all()
    for i, j, k in itertools.product(range(len(table)), repeat=3):
        assert table[i, j] <= table[i, k] + table[k, j]
    equal = [s for s in a if len(s) == len(a[0])]
    assert (levenshtein(equal, equal) <= hamming(equal, equal)).all()


def test_a_shift_is_near_by_edits_and_far_by_positions():
    a, b = "ACDEFGHI", "CDEFGHIK"
    assert levenshtein([a], [b])[0, 0] == 2 and hamming([a], [b])[0, 0] == 8
    assert identity(a, b) == pytest.approx(100 * 7 / 9), "nine columns, seven agree"
    assert identity("ACDE", "ACDF") == 75 and identity("AC", "AC") == 100
    with pytest.raises(InputError, match="lengths"):
        hamming(["AC"], ["ACD"])


def test_diversity_and_novelty_by_hand():
    designs = ["AAAA", "AAAC", "CCCC"]
    assert diversity(designs) == pytest.approx((1 + 4 + 3) / 3)
    assert hamming_diversity(designs) == 3
    assert novelty(designs, ["AAAA", "ACCC"]) == 1
    least, which = nearest(designs, ["AAAA", "ACCC"])
    assert least.tolist() == [0, 1, 1] and which.tolist() == [0, 0, 1]
    assert high_novelty(designs, ["AAAA"]) == 1
    assert math.isnan(diversity(["AC"])) and unique_share(["A", "A", "C", "D"]) == 0.75
    with pytest.raises(InputError, match="no training"):
        nearest(designs, [])


def test_fitness_takes_the_best_by_the_predictor_then_drops_repeats():
    truth = {"AAAA": 0.1, "AAAC": 0.5, "CCCC": 0.9, "DDDD": 7.0}
    designs = ["AAAA", "CCCC", "AAAC", "CCCC", "DDDD"]
    found = design_figures(
        designs, [0.8, 0.9, 0.7, 0.9, 0.0], lambda s: np.array([truth[x] for x in s]), ["AAAA"], 4
    )
    assert found["fitness"] == 0.5 and found["fitness_mean"] == pytest.approx(0.5)
    assert found["fitness_best"] == 0.9, "the last of the predictor's list is not looked at"
    assert found["diversity"] == pytest.approx(8 / 3) and found["novelty"] == 1
    assert found["unique"] == 0.8 and found["gap"] == pytest.approx((0.7 + 0 + 0.2) / 3)


def test_what_the_oracle_does_not_know_is_left_out_not_zero():
    oracle = lambda s: np.array([math.nan if x == "CC" else 0.6 for x in s])  # noqa: E731
    found = design_figures(["AA", "CC"], [1.0, 2.0], oracle, ["AA"])
    assert found["fitness"] == 0.6 and found["known"] == 0.5
    nothing = design_figures(["CC"], [1.0], oracle, ["AA"])
    assert math.isnan(nothing["fitness"]) and nothing["novelty"] == 2
    with pytest.raises(InputError, match="predictions"):
        design_figures(["AA"], [1.0, 2.0], oracle, ["AA"])


def test_normalised_is_not_clipped():
    assert normalised([1, 3, 5], 1, 3).tolist() == [0, 1, 2]
    with pytest.raises(InputError):
        normalised([1], 2, 2)


def test_spectrum_counts_k_mers():
    table = spectrum(["AAAAC", "AC"], 3).toarray()
    # AAA twice (code 0), AAC once (code 400): rows have length 1, short ones are 0.
    assert table[0, 0] == pytest.approx(2 / math.sqrt(5))
    assert table[0, 400] == pytest.approx(1 / math.sqrt(5))
    assert table[1].sum() == 0 and (table[0] > 0).sum() == 2


def test_mmd_of_equal_disjoint_and_half_sets():
    a, b = ["AAAA"] * 3, ["CCCC"] * 2
    assert mmd(a, a) == 0 and mmd(a, b) == pytest.approx(math.sqrt(2))
    assert mmd(["AAAA", "CCCC"], a) == pytest.approx(math.sqrt(0.5))


@settings(deadline=None, max_examples=20)
@given(st.lists(st.text("ACDE", min_size=3, max_size=8), min_size=2, max_size=6), st.integers(0, 9))
def test_the_permutation_test_is_sure_of_nothing_about_equal_sets(a, seed):
    far, p = mmd_test(a, a, draws=20, seed=seed)
    assert far == pytest.approx(0, abs=1e-12) and p == 1


def test_the_permutation_test_tells_different_sets():
    random = np.random.default_rng(0)
    draw = lambda letters: ["".join(random.choice(list(letters), 12)) for _ in range(30)]  # noqa: E731
    assert mmd_test(draw("ACDE"), draw("EFGH"))[1] == pytest.approx(1 / 201)
    assert mmd_test(draw("ACDE"), draw("ACDE"))[1] > 0.01


def test_reciprocal_ranks():
    reference = {"a": ["AAAA"], "c": ["CCCC"], "d": ["DDDD"]}
    assert mean_reciprocal_rank(reference, reference) == 1
    swapped = {"a": ["CCCC"], "c": ["CCCC"]}
    # Designs of a are nearest to c; a and d are equally far, and ties count for the label.
    assert mean_reciprocal_rank(swapped, reference) == pytest.approx((1 / 2 + 1) / 2)
    with pytest.raises(InputError, match="'x'"):
        mean_reciprocal_rank({"x": ["AAAA"]}, reference)


def test_a_profile_is_log_odds_against_the_background():
    family = ["AC"] * 9 + ["CC"]
    profile = Profile.fit(family, pseudocount=2)
    share = (9 + 1) / 40  # of A in all residues, one of each letter added
    assert profile.bits[0, 0] == pytest.approx(math.log2((9 + 2 * share) / 12 / share))
    assert profile.score(["AC"])[0] > profile.score(["CA"])[0]
    both = (9 + 2 * share) / 12 * (10 + 2 * 12 / 40) / 12
    assert profile.log_density(["AC"])[0] == pytest.approx(math.log(both))
    with pytest.raises(InputError, match="profile"):
        profile.score(["ACD"])
    with pytest.raises(InputError, match="pseudocount"):
        Profile.fit(family, 0)
    with pytest.raises(InputError, match="aligned"):
        Profile.fit(["AC", "ACD"])


def test_mutual_information_of_bound_and_free_columns():
    bound = ["AAC", "CCC", "AAD", "CCD"]
    found = mutual_information(bound)
    assert found[0, 1] == pytest.approx(1) and found[0, 2] == pytest.approx(0)
    assert np.diag(found) == pytest.approx([1, 1, 1])


def test_couplings_of_a_family_agree_with_themselves_and_not_with_shuffled_columns():
    random = np.random.default_rng(1)
    base = random.choice(list(AMINO_ACIDS[:4]), (400, 6))
    base[:, 3], base[:, 5] = base[:, 0], base[:, 1]
    family = ["".join(row) for row in base]
    columns = np.stack([random.permutation(column) for column in base.T], axis=1)
    shuffled = ["".join(row) for row in columns]
    assert coupling_correlation(family[:200], family[200:]) > 0.99
    assert abs(coupling_correlation(shuffled, family)) < 0.5
    assert math.isnan(coupling_correlation(["AC"] * 3, ["AC"] * 3))


def test_calibration_by_bin():
    asked = np.repeat([0.0, 1.0, 2.0, 3.0], 5)
    found = calibration(asked, asked + 0.5, bins=4)
    assert found["mae"] == 0.5 and found["spearman"] == pytest.approx(1) and found["monotone"]
    assert [row["achieved"] for row in found["rows"]] == [0.5, 1.5, 2.5, 3.5]
    assert [row["count"] for row in found["rows"]] == [5, 5, 5, 5]
    falling = calibration(asked, -asked, bins=4)
    assert not falling["monotone"] and falling["spearman"] == pytest.approx(-1)
    some = calibration(asked, np.where(asked > 1, np.nan, asked), bins=4)
    assert some["known"] == 0.5 and some["mae"] == 0
    assert calibration([1.0], [math.nan])["monotone"] is None
