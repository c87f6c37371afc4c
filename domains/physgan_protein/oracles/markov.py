"""Chains of letters in which some neighbours are forbidden: what makes a sequence feasible."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from physgan.errors import InputError

TEMPERATURE = 0.5
"""Of the soft-max over normal logits from which the allowed transitions are drawn."""
TRIES = 1000


def banned_transitions(states: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Transition matrix ``(v, v)`` with forbidden (zero) entries, irreducible and aperiodic.

    Each row allows a cyclic band of ``2 floor(.4 v) + 1`` states, never all, at a random place,
    and always the state itself: a letter may be repeated, which makes the chain aperiodic and
    lets motifs be stretched. Raises InputError for fewer than three states.
    """
    if states < 3:
        raise InputError(f"{states} states: none can be banned", fix="at least 3")
    reach = min(int(0.4 * states), (states - 2) // 2)
    place = np.arange(states)
    distance = np.abs(place[:, None] - place)
    band = np.minimum(distance, states - distance) <= reach
    for _ in range(TRIES):
        allowed = band[rng.permutation(states)] | np.eye(states, dtype=bool)
        if is_irreducible(allowed) and not allowed.all():
            break
    else:
        raise InputError(f"no irreducible chain of {states} states found", fix="another seed")
    weight = np.where(allowed, np.exp(rng.standard_normal((states, states)) / TEMPERATURE), 0.0)
    return weight / weight.sum(axis=1, keepdims=True)


def is_irreducible(allowed: NDArray[np.bool_]) -> bool:
    """Whether each state can be reached from each other one along ``allowed (v, v)``."""
    from scipy.sparse.csgraph import connected_components

    return int(connected_components(allowed, connection="strong", return_labels=False)) == 1


def stationary(transition: NDArray[np.float64]) -> NDArray[np.float64]:
    """The distribution ``(v,)`` that the chain keeps: ``p P = p``, ``sum p = 1``."""
    size = len(transition)
    system = np.vstack([transition.T - np.eye(size), np.ones(size)])
    right = np.append(np.zeros(size), 1.0)
    return np.linalg.lstsq(system, right, rcond=None)[0].clip(min=0)


def walks(
    transition: NDArray[np.float64], n: int, length: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """``n`` chains ``(n, length)`` from the stationary distribution."""
    steps = transition.cumsum(axis=1)
    steps[:, -1] = 1.0
    start = stationary(transition)
    out = np.empty((n, length), dtype=np.int64)
    out[:, 0] = rng.choice(len(start), size=n, p=start / start.sum())
    for column in range(1, length):
        draw = rng.random((n, 1))
        out[:, column] = (steps[out[:, column - 1]] <= draw).sum(axis=1)
    return out
