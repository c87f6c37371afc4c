"""A sample of an Ehrlich function: what mutation and selection find on their way up."""

from __future__ import annotations

from typing import Any

import numpy as np

from physgan_protein.oracles.ehrlich import Ehrlich

POPULATION, GENERATIONS, RUNS = 400, 24, 8
PARENTS = 0.35
"""Share of a population that is the next one's parents."""
HIGHEST = 0.4
"""No row is better than this; the maximum is 1."""


def child(parents: list[str], letters: str, rng: np.random.Generator) -> str:
    """A crossing of two parents at one or two places, with one or two new letters."""
    left, right = (parents[int(i)] for i in rng.integers(len(parents), size=2))
    start, stop = np.sort(rng.integers(len(left) + 1, size=2))
    mixed = list(left[:start] + right[start:stop] + left[stop:])
    for place in rng.integers(len(mixed), size=rng.integers(1, 3)):
        mixed[place] = letters[int(rng.integers(len(letters)))]
    return "".join(mixed)


def climb(oracle: Ehrlich, rng: np.random.Generator, start: list[str]) -> None:
    """One search from ``start``; everything it asks is in the oracle's log."""
    people = list(start)
    for _ in range(GENERATIONS):
        values = oracle(people)
        values[values > HIGHEST] = -np.inf
        best = np.argsort(-values, kind="stable")[: int(PARENTS * POPULATION)]
        parents = [people[int(i)] for i in best if np.isfinite(values[i])]
        people = [child(parents, oracle.alphabet, rng) for _ in range(POPULATION)]
    oracle(people)


def landscape(rows: int, infeasible: int, seed: int) -> list[dict[str, Any]]:
    """``rows`` feasible sequences, spread over the values, and ``infeasible`` ones without any."""
    oracle = Ehrlich(seed=seed)
    rng = np.random.default_rng(seed)
    starts = oracle.initial_solution(POPULATION * RUNS)
    for run in range(RUNS):
        climb(oracle, rng, starts[run * POPULATION : (run + 1) * POPULATION])
    good = [a for a in oracle.log if 0 <= a.value <= HIGHEST]
    bad = [a for a in oracle.log if np.isneginf(a.value)]
    values = np.array([answer.value for answer in good])
    levels, counts = np.unique(values, return_counts=True)
    # The square root evens out the levels without losing that good sequences are rare.
    weight = 1 / np.sqrt(counts[np.searchsorted(levels, values)])
    kept = np.sort(rng.choice(len(good), rows, replace=False, p=weight / weight.sum()))
    lost = np.sort(rng.choice(len(bad), infeasible, replace=False))
    answers = [good[int(i)] for i in kept] + [bad[int(i)] for i in lost]
    return [
        {
            "id": f"ehrlich-{number:05d}",
            "sequence": answer.sequence,
            "fitness": f"{answer.value:.8g}" if answer.value >= 0 else "",
            "feasible": "yes" if answer.value >= 0 else "no",
        }
        for number, answer in enumerate(answers)
    ]
