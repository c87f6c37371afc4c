import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from physgan.design.batch_choice import choose, new_enough, thompson
from physgan.design.ledger import Ledger
from physgan.design.rounds import ActiveLearning, run_rounds
from physgan.design.site_kernel import SiteKernelProcess
from physgan.design.space import TokenSpace, distances, pairwise_diversity
from physgan.errors import InputError

GRID = np.stack(np.meshgrid(*[np.arange(6)] * 3, indexing="ij"), -1).reshape(-1, 3)
PEAK = np.array([4, 1, 3])


def hill(tokens):
    """Smooth in the words' numbers, with one best sample."""
    return np.exp(-((tokens - PEAK) ** 2).sum(axis=1) / 4.0)


def method(**options):
    scales = np.arange(6.0)[:, None]
    return ActiveLearning(lambda: SiteKernelProcess(6, scales, steps=30), **options)


def test_the_process_interpolates_and_doubts_what_is_far():
    rows = np.random.default_rng(0).choice(len(GRID), 60, replace=False)
    process = SiteKernelProcess(6, np.arange(6.0)[:, None]).fit(GRID[rows], hill(GRID[rows]))
    mean, spread = process.predict(GRID)
    assert np.abs(mean[rows] - hill(GRID[rows])).max() < 0.05
    rest = np.setdiff1d(np.arange(len(GRID)), rows)
    assert np.corrcoef(mean[rest], hill(GRID[rest]))[0, 1] > 0.9
    assert spread[rest].mean() > 2 * spread[rows].mean()


def test_its_draws_have_its_mean_and_spread():
    rows = np.random.default_rng(1).choice(len(GRID), 40, replace=False)
    process = SiteKernelProcess(6).fit(GRID[rows], hill(GRID[rows]))
    draws = process.draws(GRID[:50], 4000, np.random.default_rng(0))
    mean, spread = process.predict(GRID[:50])
    assert np.abs(draws.mean(axis=0) - mean).max() < 0.02
    assert np.abs(draws.std(axis=0) / np.maximum(spread, 0.02) - 1).max() < 0.5


def test_without_scales_words_are_alike_or_not():
    # y depends on the first place alone: the process must see that the others do not matter.
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, 4, (60, 5))
    process = SiteKernelProcess(4).fit(tokens, tokens[:, 0].astype(float))
    new = rng.integers(0, 4, (200, 5))
    assert np.abs(process.predict(new)[0] - new[:, 0]).mean() < 0.2


def test_long_sequences_share_their_sites():
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, 4, (80, 30))
    value = (tokens == 1).sum(axis=1).astype(float)
    process = SiteKernelProcess(4, steps=40).fit(tokens, value)
    near = tokens.copy()
    near[:, 0] = 1
    assert process.sites == 1
    assert np.corrcoef(process.predict(near)[0], (near == 1).sum(axis=1))[0, 1] > 0.9


@pytest.mark.parametrize("acquisition", ["thompson", "ucb"])
def test_rounds_find_the_peak_of_a_hill(acquisition):
    ledger = Ledger(hill, TokenSpace(6, 3, library=GRID))
    run_rounds(ledger, method(acquisition=acquisition), 4, 10, seed=0)
    assert len(ledger) == 40 and (ledger.best()[0] == PEAK).all()
    assert set(ledger.sources) == {"start", "enumeration"}


def test_without_a_library_evolution_offers_and_sources_are_named():
    space = TokenSpace(6, 3, start=np.zeros((1, 3), dtype=np.int64))
    drawn = []

    def generator(n, ledger, rng):
        drawn.append(n)
        return rng.integers(0, 6, (n, 3))

    ledger = Ledger(hill, space)
    run_rounds(ledger, method(sources=(("generator", generator),)), 4, 12, seed=1)
    assert hill(ledger.best()[0][None])[0] > 0.7 and len(drawn) == 2 * 3
    assert {"start", "generator"} <= set(ledger.sources) <= {"start", "generator", "evolution"}


def test_the_best_is_never_an_unknown_and_unknowns_are_not_learned():
    def gaps(tokens):
        return np.where(tokens[:, 0] % 2 == 1, np.nan, hill(tokens))

    ledger = Ledger(gaps, TokenSpace(6, 3, library=GRID))
    run_rounds(ledger, method(), 3, 12, seed=0)
    assert ledger.best()[0][0] % 2 == 0 and np.isfinite(ledger.best()[1])


def test_a_campaign_goes_on_where_it_was_killed(tmp_path):
    def until(limit):
        asked = 0

        def oracle(tokens):
            nonlocal asked
            asked += len(tokens)
            if asked > limit:
                raise KeyboardInterrupt
            return hill(tokens)

        return oracle

    space = TokenSpace(6, 3, library=GRID)
    whole = run_rounds(Ledger(hill, space), method(), 3, 8, seed=3)
    path = tmp_path / "calls.csv"
    with pytest.raises(KeyboardInterrupt):
        run_rounds(Ledger(until(20), space, path=path), method(), 3, 8, seed=3)
    assert len(Ledger(hill, space, path=path)) == 16
    rest = run_rounds(Ledger(until(8), space, path=path), method(), 3, 8, seed=3)
    assert (rest.tokens == whole.tokens).all() and rest.rounds.tolist() == whole.rounds.tolist()


def test_the_budget_ends_a_campaign():
    ledger = Ledger(hill, TokenSpace(6, 3, library=GRID), budget=13)
    said = []
    run_rounds(ledger, method(), 5, 8, seed=0, say=said.append)
    assert len(ledger) == 13 and said[-1] == "the budget is spent"


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.integers(2, 20))
def test_thompson_names_different_rows_and_the_best_of_one_function(seed, n):
    draws = np.random.default_rng(seed).normal(size=(5, 20))
    rows = thompson(draws, n)
    assert len(set(rows.tolist())) == n and rows[0] == draws[0].argmax()
    assert thompson(draws[:1], n).tolist() == np.argsort(-draws[0])[:n].tolist()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.floats(0.0, 2.2))
def test_choice_keeps_its_constraints_and_gives_up_no_more_than_it_must(seed, diversity):
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=len(GRID))
    rows = choose(scores, GRID, 12, apart=1, diversity=diversity, tolerance=0.02)
    assert len(set(rows.tolist())) == 12
    assert pairwise_diversity(GRID[rows]) >= diversity - 0.02
    best = np.argsort(-scores)[:12]
    if pairwise_diversity(GRID[best]) >= diversity - 0.02:
        assert set(rows.tolist()) == set(best.tolist())


def test_apart_and_novelty_are_distances():
    rng = np.random.default_rng(0)
    rows = choose(rng.normal(size=len(GRID)), GRID, 10, apart=2)
    chosen = GRID[rows]
    for row in range(len(chosen)):
        assert distances(chosen[[row]], np.delete(chosen, row, axis=0)).min() >= 2
    new = new_enough(GRID, PEAK[None], 3)
    assert (new == ((GRID != PEAK).sum(axis=1) == 3)).all()


def test_what_cannot_be_is_said():
    with pytest.raises(InputError, match="diversity"):
        choose(np.arange(20.0), GRID[:20], 10, diversity=3.0)
    with pytest.raises(InputError, match="acquisition"):
        method(acquisition="luck")
    with pytest.raises(InputError, match="powers"):
        method(powers=(0.5, 1.5))
