import numpy as np
import pytest

from physgan.design.ledger import BudgetSpent, Ledger
from physgan.design.space import TokenSpace, distances, pairwise_diversity
from physgan.errors import InputError, RunError

SPACE = TokenSpace(4, 3, letters="abcd")


class Sum:
    """Counts what it is asked; the value is the sum of the tokens."""

    def __init__(self):
        self.asked = 0

    def __call__(self, tokens):
        self.asked += len(tokens)
        return tokens.sum(axis=1).astype(float)


def rows(*texts):
    return SPACE.read(texts)


def test_repeats_are_free_and_within_a_batch_too():
    oracle = Sum()
    ledger = Ledger(oracle, SPACE)
    assert ledger.ask(rows("abc", "abc", "ddd")).tolist() == [3.0, 3.0, 9.0]
    assert ledger.ask(rows("ddd", "aaa")).tolist() == [9.0, 0.0]
    assert oracle.asked == len(ledger) == 3
    assert SPACE.spell(ledger.best()[0][None]) == ["ddd"] and ledger.best()[1] == 9.0


def test_the_budget_ends_inside_a_batch_and_keeps_its_first_part():
    oracle = Sum()
    ledger = Ledger(oracle, SPACE, budget=2)
    with pytest.raises(BudgetSpent):
        ledger.ask(rows("aaa", "aaa", "bbb", "ccc"))
    assert oracle.asked == 2 and ledger.left == 0
    assert ledger.ask(rows("bbb")).tolist() == [3.0]


def test_the_log_is_continued_and_a_line_cut_short_is_dropped(tmp_path):
    path = tmp_path / "log" / "calls.csv"
    Ledger(Sum(), SPACE, path=path).ask(rows("abc", "ddd"), round=2, source="test")
    whole = path.read_text()
    path.write_text(whole + "3,2,test,aa")
    again = Sum()
    ledger = Ledger(again, SPACE, path=path)
    assert path.read_text() == whole
    assert ledger.ask(rows("ddd", "abc")).tolist() == [9.0, 3.0] and again.asked == 0
    assert ledger.rounds.tolist() == [2, 2] and ledger.sources == ["test", "test"]


def test_unknown_and_infeasible_survive_the_log(tmp_path):
    path = tmp_path / "calls.csv"
    Ledger(lambda t: np.array([np.nan, -np.inf]), SPACE, path=path).ask(rows("aaa", "bbb"))
    ledger = Ledger(Sum(), SPACE, path=path)
    assert np.isnan(ledger.values[0]) and ledger.feasible.tolist() == [True, False]
    with pytest.raises(RunError):
        ledger.best()


def test_another_file_or_another_space_is_refused(tmp_path):
    path = tmp_path / "calls.csv"
    Ledger(Sum(), SPACE, path=path).ask(rows("abc"))
    with pytest.raises(InputError, match="cannot go on"):
        Ledger(Sum(), TokenSpace(4, 2, letters="abcd"), path=path)
    path.write_text("something else\n")
    with pytest.raises(InputError, match="not a log"):
        Ledger(Sum(), SPACE, path=path)


def test_numbers_spell_words_without_letters():
    space = TokenSpace(32, 3)
    tokens = np.array([[0, 31, 7]])
    assert space.spell(tokens) == ["0 31 7"]
    assert (space.read(["0 31 7"]) == tokens).all()
    with pytest.raises(InputError):
        space.read(["0 32 7"])


def test_distances_and_diversity_of_known_sets():
    tokens = rows("aaa", "aab", "abb")
    assert distances(tokens, rows("aaa", "bbb")).tolist() == [0, 1, 1]
    assert pairwise_diversity(tokens) == pytest.approx((1 + 2 + 1) / 3)
    assert pairwise_diversity(tokens[:1]) == 0.0


def test_fixed_positions_are_those_of_the_start():
    start = rows("abc")
    space = TokenSpace(4, 3, start=start, free=np.array([True, False, True]), letters="abcd")
    drawn = space.random(200, np.random.default_rng(0))
    assert (drawn[:, 1] == 1).all() and len(np.unique(drawn[:, 0])) == 4
