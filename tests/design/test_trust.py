import numpy as np
import pytest

from physgan.design.density import ChainDensity
from physgan.design.trust import Trust
from physgan.errors import InputError


def rows(n, seed=0):
    """Sequences that stay near zeros: one in ten positions differs."""
    rng = np.random.default_rng(seed)
    return np.where(rng.random((n, 12)) < 0.1, rng.integers(0, 4, (n, 12)), 0)


def test_the_chain_is_a_probability():
    chain = ChainDensity(3).fit(np.random.default_rng(0).integers(0, 3, (30, 4)))
    every = np.stack(np.meshgrid(*[np.arange(3)] * 4, indexing="ij"), -1).reshape(-1, 4)
    assert np.exp(chain.log_prob(every)).sum() == pytest.approx(1.0)


def test_the_chain_learns_what_follows_what():
    rng = np.random.default_rng(0)
    first = rng.integers(0, 3, 2000)
    tokens = np.stack([first, (first + 1) % 3], axis=1)
    chain = ChainDensity(3).fit(tokens)
    assert chain.log_prob(np.array([[1, 2]]))[0] == pytest.approx(np.log(1 / 3), abs=0.05)
    assert chain.log_prob(np.array([[1, 1]]))[0] < np.log(1e-2)


def test_held_out_rows_pass_and_each_strange_row_has_its_reason():
    train, held = rows(1500), rows(600, seed=1)
    spread = np.random.default_rng(2).gamma(4.0, 0.1, 600)
    trust = Trust.learn(train, held, spread, words=4)
    fresh = rows(2000, seed=3)
    calm = np.random.default_rng(4).gamma(4.0, 0.1, 2000)
    assert trust.flags(fresh, calm)["any"].mean() < 0.05
    strange = np.full((1, 12), 3)
    told = trust.flags(np.concatenate([strange, held[:1]]), np.array([0.1, 9.0]))
    assert told["far from training"].tolist() == [True, False]
    assert told["unusual"].tolist() == [True, False]
    assert told["members disagree"].tolist() == [False, True]
    assert told["any"].all()


def test_too_few_rows_are_refused():
    with pytest.raises(InputError, match="held-out"):
        Trust.learn(rows(100), rows(10), np.ones(10), words=4)
