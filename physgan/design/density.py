"""How usual a sequence of tokens is among known ones: a chain with a table for each place."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from physgan.design.space import Tokens, Values


class ChainDensity:
    """log p(x) = log p_1(x_1) + sum_l log p_l(x_l | x_{l-1}), by counts.

    p_l(b | a) = (n_l(a, b) + kappa p_l(b)) / (n_l(a) + kappa): a pair backs off to how common b is
    at its place, and that to evenness, each with ``kappa`` pseudocounts (Dirichlet smoothing).
    """

    def __init__(self, words: int, kappa: float = 5.0) -> None:
        self.words, self.kappa = words, kappa

    def fit(self, tokens: Tokens) -> ChainDensity:
        """Count in ``tokens (n, L)``."""
        length, size = tokens.shape[1], self.words
        single = np.stack([np.bincount(column, minlength=size) for column in tokens.T])
        single = (single + self.kappa / size) / (len(tokens) + self.kappa)
        self.single: NDArray[np.float64] = single.astype(np.float64)
        pair = np.zeros((length - 1, size, size))
        for place in range(length - 1):
            np.add.at(pair[place], (tokens[:, place], tokens[:, place + 1]), 1.0)
        before = pair.sum(axis=2, keepdims=True)
        self.pair = (pair + self.kappa * self.single[1:, None, :]) / (before + self.kappa)
        return self

    def log_prob(self, tokens: Tokens) -> Values:
        """Nats ``(n,)``."""
        out = np.log(self.single[0, tokens[:, 0]])
        for place in range(tokens.shape[1] - 1):
            out = out + np.log(self.pair[place, tokens[:, place], tokens[:, place + 1]])
        return out
