"""Sequences as walks: which words may follow which, and exact sampling of walks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from physgan.design.space import Tokens


def seen_transitions(tokens: Tokens, words: int) -> NDArray[np.bool_]:
    """``(V, V)``: whether word b was seen right after word a in ``tokens (n, L)``."""
    seen = np.zeros((words, words), dtype=bool)
    seen[tokens[:, :-1].ravel(), tokens[:, 1:].ravel()] = True
    return seen


def sample_walks(
    potential: NDArray[np.float64],
    transitions: NDArray[np.bool_] | NDArray[np.float64],
    n: int,
    rng: np.random.Generator,
) -> Tokens:
    """``n`` walks ``(n, L)`` from p(x) ~ prod_l potential[l, x_l] transitions[x_l, x_l+1].

    Backward sums, then forward sampling (exact). ``potential (L, V)`` >= 0 fixes a position by
    being zero elsewhere. Returns no rows where no walk has weight.
    """
    length, words = potential.shape
    weight = np.asarray(transitions, dtype=np.float64)
    ahead = np.ones((length, words))
    for place in range(length - 2, -1, -1):
        message = weight @ (potential[place + 1] * ahead[place + 1])
        total = message.max()
        if total <= 0:
            return np.zeros((0, length), dtype=np.int64)
        ahead[place] = message / total
    walks = np.empty((n, length), dtype=np.int64)
    chance = potential[0] * ahead[0]
    if chance.sum() <= 0:
        return walks[:0]
    walks[:, 0] = _draw(np.broadcast_to(chance, (n, words)), rng)
    for place in range(1, length):
        walks[:, place] = _draw(weight[walks[:, place - 1]] * potential[place] * ahead[place], rng)
    return walks


def _draw(chance: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.int64]:
    """One index per row of unnormalised probabilities."""
    total = chance.cumsum(axis=1)
    return (rng.random(len(chance))[:, None] * total[:, -1:] >= total).sum(axis=1)


class Grammar:
    """Which words may follow which, as far as answered samples tell.

    Neighbours in a sample that broke no rule are allowed. Where a sample broke one and all its
    neighbours but one are known to be allowed, that one is forbidden.
    """

    def __init__(self, words: int) -> None:
        self.allowed = np.zeros((words, words), dtype=bool)
        self.forbidden = np.zeros((words, words), dtype=bool)
        self._broken: list[NDArray[np.int64]] = []

    def learn(self, tokens: Tokens, feasible: NDArray[np.bool_]) -> None:
        """Take in ``tokens (n, L)``, of which ``feasible (n,)`` broke no rule."""
        self.allowed |= seen_transitions(tokens[feasible], len(self.allowed))
        self._broken += list(tokens[~feasible])
        for row in self._broken:
            new = {(a, b) for a, b in pairwise(row.tolist()) if not self.allowed[a, b]}
            if len(new) == 1:
                self.forbidden[next(iter(new))] = True

    def walks(
        self, potential: NDArray[np.float64], n: int, rng: np.random.Generator, unknown: float = 0.0
    ) -> Tokens:
        """``n`` walks through allowed neighbours; those not known weigh ``unknown``."""
        weight = np.where(self.forbidden, 0.0, unknown)
        weight[self.allowed] = 1.0
        return sample_walks(potential, weight, n, rng)
