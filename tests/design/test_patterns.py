import itertools
from collections import Counter

import numpy as np
import pytest

from physgan.design.chain import Grammar, sample_walks, seen_transitions
from physgan.design.evolution import GeneticOptions, climb, evolve
from physgan.design.ledger import Ledger
from physgan.design.patterns import PatternSearch
from physgan.design.space import TokenSpace
from physgan.errors import RunError

WORDS, LENGTH = 12, 16
PATTERNS = (((0, 3, 5), (0, 1, 3)), ((7, 2, 7), (0, 2, 3)))
FORBIDDEN = {(a, (a + k) % WORDS) for a in range(WORDS) for k in (4, 9)}


def landscape(tokens):
    """Two patterns of three words at gaps, anywhere; the product of the shares in place."""
    value = np.ones(len(tokens))
    for words, gaps in PATTERNS:
        starts = range(LENGTH - gaps[-1])
        hits = [
            sum(tokens[:, s + g] == w for w, g in zip(words, gaps, strict=True)) for s in starts
        ]
        value *= np.max(hits, axis=0) / 3
    broken = [any(pair in FORBIDDEN for pair in itertools.pairwise(row)) for row in tokens.tolist()]
    return np.where(broken, -np.inf, value)


def start(n, seed=0):
    weight = np.ones((WORDS, WORDS))
    for a, b in FORBIDDEN:
        weight[a, b] = 0.0
    return sample_walks(np.ones((LENGTH, WORDS)), weight, n, np.random.default_rng(seed))


def space():
    return TokenSpace(WORDS, LENGTH, start=start(40))


def test_walks_follow_their_distribution():
    rng = np.random.default_rng(0)
    step, potential = rng.random((3, 3)) * (rng.random((3, 3)) < 0.7), rng.random((4, 3))
    weights = {
        w: np.prod([potential[i, a] for i, a in enumerate(w)])
        * np.prod([step[a, b] for a, b in itertools.pairwise(w)])
        for w in itertools.product(range(3), repeat=4)
    }
    n, total = 40_000, sum(weights.values())
    counts = Counter(map(tuple, sample_walks(potential, step, n, rng).tolist()))
    for walk, weight in weights.items():
        p = weight / total
        assert abs(counts[walk] / n - p) < 5 * np.sqrt(p * (1 - p) / n) + 1e-9


def test_no_walk_comes_back_where_none_is_possible():
    potential = np.array([[1.0, 0.0], [0.0, 1.0]])
    assert len(sample_walks(potential, np.eye(2), 5, np.random.default_rng(0))) == 0


def test_grammar_knows_what_is_allowed_and_what_alone_can_be_at_fault():
    grammar = Grammar(4)
    grammar.learn(np.array([[0, 1, 2], [0, 2, 3], [0, 3, 3]]), np.array([True, False, False]))
    assert grammar.allowed.sum() == 2 and grammar.allowed[0, 1]
    assert not grammar.forbidden.any()  # two strangers each: either may be at fault
    grammar.learn(np.array([[1, 0, 2]]), np.array([True]))
    assert np.argwhere(grammar.forbidden).tolist() == [[2, 3]]
    assert (seen_transitions(np.array([[0, 1, 2]]), 4).sum(axis=1) == [1, 1, 0, 0]).all()


@pytest.mark.parametrize("seed", range(5))
def test_the_search_finds_the_optimum_within_the_rules_and_its_budget(seed):
    ledger = Ledger(landscape, space(), budget=1500)
    PatternSearch(ledger, seed=seed, goal=1 - 1e-9).run()
    assert ledger.best()[1] == pytest.approx(1.0)
    assert ledger.feasible.mean() >= 0.95


def test_it_asks_less_than_a_genetic_algorithm_from_the_same_start():
    calls, goal = [], 1 - 1e-9
    for seed in range(3):
        mine, theirs = (Ledger(landscape, space(), budget=6000) for _ in range(2))
        PatternSearch(mine, seed=seed, goal=goal).run()
        evolve(theirs, GeneticOptions(population=200, mutate=0.05), seed=seed, goal=goal)
        calls.append((len(mine), len(theirs)))
    assert np.median([a for a, _ in calls]) < np.median([b for _, b in calls])


def test_it_goes_on_from_its_log_without_a_second_question(tmp_path):
    whole = Ledger(landscape, space(), budget=300)
    PatternSearch(whole, seed=1, goal=2.0).run()
    path = tmp_path / "calls.csv"
    PatternSearch(Ledger(landscape, space(), budget=150, path=path), seed=1, goal=2.0).run()
    asked = []

    def counting(tokens):
        asked.append(len(tokens))
        return landscape(tokens)

    rest = Ledger(counting, space(), budget=300, path=path)
    PatternSearch(rest, seed=1, goal=2.0).run()
    assert sum(asked) == 150
    assert (rest.tokens == whole.tokens).all()


def test_nothing_to_start_from_is_said():
    nothing = Ledger(lambda tokens: np.zeros(len(tokens)), TokenSpace(5, 6))
    with pytest.raises(RunError, match="above zero"):
        PatternSearch(nothing, seed=0).run()


def test_evolution_keeps_the_budget_and_climbs_a_hill():
    small = TokenSpace(6, 8, start=np.zeros((1, 8), dtype=np.int64))
    ledger = Ledger(lambda t: t.sum(axis=1).astype(float), small, budget=900)
    evolve(ledger, GeneticOptions(population=60, mutate=0.05), seed=0)
    assert len(ledger) == 900 and ledger.best()[1] >= 30
    tokens, scores = climb(
        lambda t: t.sum(axis=1).astype(float), small.start, small, generations=40,
        options=GeneticOptions(population=60, mutate=0.1),
    )  # fmt: skip
    assert (np.diff(scores) <= 0).all() and len(np.unique(tokens, axis=0)) == len(tokens)
    assert scores[0] == tokens[0].sum() >= 36


def test_fixed_positions_survive_evolution():
    free = np.array([True, False, True, False])
    start = np.array([[1, 2, 3, 4]])
    ledger = Ledger(lambda t: t.sum(1).astype(float), TokenSpace(5, 4, start=start, free=free), 25)
    evolve(ledger, GeneticOptions(population=20, mutate=0.5), seed=0, generations=50)
    assert (ledger.tokens[:, [1, 3]] == [2, 4]).all() and ledger.best()[1] == 14
