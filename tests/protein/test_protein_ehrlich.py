import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from physgan.errors import InputError
from physgan_protein.oracles.ehrlich import Ehrlich
from physgan_protein.oracles.markov import banned_transitions, is_irreducible, stationary, walks

FUNCTIONS = st.builds(
    Ehrlich,
    states=st.integers(3, 36),
    length=st.integers(16, 40),
    motifs=st.integers(1, 4),
    motif_length=st.integers(2, 4),
    seed=st.integers(0, 10_000),
)


def written_by_hand():
    """v = 4 letters ACDE, L = 6; motifs AC at distance 2 and DE at distance 1; A may not meet E."""
    oracle = Ehrlich(states=4, length=6, motifs=2, motif_length=2)
    oracle.transition = np.array(
        [[1, 1, 1, 0], [1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 1]], dtype=float
    )
    oracle.motifs = np.array([[0, 1], [2, 3]])
    oracle.offsets = np.array([[0, 2], [0, 1]])
    return oracle


def test_values_worked_out_by_hand():
    oracle = written_by_hand()
    values = {
        "AACCDE": 1.0,  # A.C at 1, DE at 5
        "ACCDEE": 1.0,
        "AACCCC": 0.0,  # nothing of DE
        "AACCDD": 0.5,
        "CCCCDD": 0.25,
        "CCCCCC": 0.0,
    }
    assert dict(zip(values, oracle(list(values)), strict=True)) == values
    assert oracle(["AAEEDE"])[0] == -math.inf
    assert oracle.reason("AAEEDE") == "banned pair AE at position 2"


def test_quantisation_rounds_down_and_epistasis_bends_what_lies_between():
    oracle = Ehrlich(states=5, length=8, motifs=1, motif_length=4, quantization=2)
    oracle.motifs, oracle.offsets = np.array([[0, 1, 2, 3]]), np.array([[0, 1, 2, 3]])
    bent = Ehrlich(states=5, length=8, motifs=1, motif_length=4, epistasis=2.0)
    bent.motifs, bent.offsets = oracle.motifs, oracle.offsets
    tokens = np.full((5, 8), 4)
    for row in range(5):
        tokens[row, :row] = np.arange(row)
    assert oracle.quality(tokens).tolist() == [0, 0, 0.5, 0.5, 1]
    share = np.arange(5) / 4
    assert np.allclose(bent.quality(tokens), share * (1 + 2 * share * (share - 1)))


@settings(deadline=None, max_examples=60)
@given(FUNCTIONS)
def test_the_optimal_solution_is_feasible_and_worth_one(oracle):
    best = oracle.optimal_solution()
    assert len(best) == oracle.length
    assert oracle.feasible([best]).all()
    assert oracle([best])[0] == 1.0


@settings(deadline=None, max_examples=30)
@given(FUNCTIONS)
def test_initial_solutions_are_feasible_and_no_value_leaves_its_steps(oracle):
    starts = oracle.initial_solution(20)
    assert oracle.feasible(starts).all()
    steps = oracle.quantization ** len(oracle.motifs)
    values = oracle(starts)
    assert ((values >= 0) & (values <= 1)).all()
    assert np.allclose(values * steps, np.round(values * steps))


@settings(deadline=None, max_examples=40)
@given(st.integers(3, 36), st.integers(0, 10_000))
def test_chains_are_ergodic_with_banned_pairs_and_repeats(states, seed):
    chain = banned_transitions(states, np.random.default_rng(seed))
    assert np.allclose(chain.sum(1), 1)
    assert (chain == 0).any() and (np.diag(chain) > 0).all()
    assert is_irreducible(chain > 0)
    kept = stationary(chain)
    assert np.allclose(kept @ chain, kept) and (kept > 0).all()


def test_walks_visit_states_as_often_as_the_stationary_distribution_says():
    rng = np.random.default_rng(0)
    chain = banned_transitions(6, rng)
    counts = np.bincount(walks(chain, 4000, 20, rng).ravel(), minlength=6) / 80_000
    assert np.abs(counts - stationary(chain)).max() < 0.01


def test_a_chain_in_two_parts_is_not_irreducible():
    assert not is_irreducible(np.array([[1, 1, 0], [1, 1, 0], [0, 1, 1]], dtype=bool))


def test_a_seed_fixes_the_function_and_its_own_seed_the_start():
    one, same, other = Ehrlich(seed=3), Ehrlich(seed=3), Ehrlich(seed=4)
    assert one.settings() == same.settings() != other.settings()
    assert one.initial_solution(5) == same.initial_solution(5) == one.initial_solution(5)
    shifted = Ehrlich(seed=5, function_seed=3)
    assert shifted.settings() == one.settings()
    assert shifted.initial_solution(5) != one.initial_solution(5)


def test_random_feasible_sequences_are_rarely_worth_anything_and_uniform_ones_rarely_feasible():
    oracle = Ehrlich(states=32, length=32, motifs=4, motif_length=4, quantization=2)
    assert (oracle(oracle.initial_solution(500)) > 0.25).mean() < 0.05
    rng = np.random.default_rng(0)
    uniform = ["".join(row) for row in rng.choice(list(oracle.alphabet), (500, 32))]
    assert oracle.feasible(uniform).mean() < 0.02


def test_an_infeasible_sequence_is_flagged_and_worth_what_was_chosen():
    strict, soft = Ehrlich(), Ehrlich(infeasible=-1.0)
    for strange in ("A" * 31, "?" * 32, "é" * 32):
        assert strict([strange])[0] == -math.inf
        assert soft([strange])[0] == -1.0
        assert soft.judge([strange]) == [{"feasible": False, "fitness": -1.0}]
        (row,) = strict.judge([strange])
        assert row["feasible"] is False and row["error"] == strict.reason(strange) != ""
    best = strict.optimal_solution()
    assert strict.judge([best]) == [{"fitness": 1.0, "feasible": True}]
    json.dumps(strict.summary(), allow_nan=False)


@pytest.mark.parametrize(
    "wrong",
    [
        {"states": 2},
        {"states": 37},
        {"motifs": 9},
        {"motif_length": 1},
        {"quantization": 5},
        {"quantization": 0},
        {"epistasis": 4.0},
        {"states": 3, "alphabet": "AAB"},
    ],
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(InputError):
        Ehrlich(**wrong)
