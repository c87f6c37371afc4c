"""Which of many scored sequences to take: constraints on diversity and novelty, no weights."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from physgan.design.space import Tokens, Values, distances, pairwise_diversity
from physgan.errors import InputError


def thompson(draws: NDArray[np.float64], n: int) -> NDArray[np.int64]:
    """The maxima of ``draws (k, m)``, one after the other, ``n`` different ones.

    Each drawn function names its best sample; one that is taken already yields to the function's
    next best (Thompson sampling in batches, Hernandez-Lobato et al., 1706.01825).
    """
    if n > draws.shape[1]:
        raise InputError(f"{n} of {draws.shape[1]} candidates cannot be chosen")
    taken: dict[int, None] = {}
    depth = 0
    while len(taken) < n:
        depth += 1
        for row in draws:
            k = min(depth + len(taken), draws.shape[1])
            top = np.argpartition(-row, k - 1)[:k]
            ranked = top[np.argsort(-row[top], kind="stable")]
            taken.setdefault(next((int(i) for i in ranked if int(i) not in taken), int(ranked[0])))
            if len(taken) == n:
                break
    return np.array(list(taken), dtype=np.int64)


def choose(
    scores: Values,
    tokens: Tokens,
    n: int,
    *,
    apart: int = 0,
    diversity: float = 0.0,
    tolerance: float = 0.05,
) -> NDArray[np.int64]:
    """Rows of the ``n`` best by ``scores (m,)`` under constraints on the chosen together.

    No two are closer than ``apart`` (Hamming), and their mean distance over pairs is at least
    ``diversity - tolerance``. For the latter the rows are taken greedily by score plus a
    multiplier times the mean distance to those taken; the smallest multiplier that serves is
    found by bisection, so nothing is given up that need not be. Fewer rows come back where
    ``apart`` leaves no more. Raises InputError where no choice is so diverse.
    """
    order = np.argsort(-scores, kind="stable")
    order = order[np.isfinite(scores[order])]
    ranked, value = tokens[order], scores[order]
    taken = _greedy(value, ranked, n, apart, 0.0)
    if pairwise_diversity(ranked[taken]) >= diversity - tolerance:
        return order[taken]
    unit = max(float(value[0] - value[min(n, len(value)) - 1]), 1e-9) / max(tokens.shape[1], 1)
    low, high = 0.0, unit
    for _ in range(30):
        taken = _greedy(value, ranked, n, apart, high)
        if pairwise_diversity(ranked[taken]) >= diversity - tolerance:
            break
        low, high = high, 4.0 * high
    else:
        raise InputError(
            f"no {n} of these candidates have a diversity of {diversity}",
            fix="offer more candidates or ask for less",
        )
    for _ in range(8):
        middle = 0.5 * (low + high)
        tried = _greedy(value, ranked, n, apart, middle)
        if pairwise_diversity(ranked[tried]) >= diversity - tolerance:
            high, taken = middle, tried
        else:
            low = middle
    return order[taken]


def new_enough(tokens: Tokens, known: Tokens, novelty: int) -> NDArray[np.bool_]:
    """Which ``(m,)`` are at least ``novelty`` exchanges away from everything ``known``."""
    if novelty <= 0 or not len(known):
        return np.ones(len(tokens), dtype=bool)
    return distances(tokens, known) >= novelty


def _greedy(
    value: Values, tokens: Tokens, n: int, apart: int, multiplier: float
) -> NDArray[np.int64]:
    total = np.zeros(len(tokens))
    open_rows = np.ones(len(tokens), dtype=bool)
    taken: list[int] = []
    while len(taken) < n and open_rows.any():
        score = value + multiplier * total / max(len(taken), 1)
        best = int(np.where(open_rows, score, -np.inf).argmax())
        taken.append(best)
        away = (tokens != tokens[best]).sum(axis=1)
        total += away
        open_rows[best] = False
        if apart > 0:
            open_rows &= away >= apart
    return np.array(taken, dtype=np.int64)
