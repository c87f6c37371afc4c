"""A genetic algorithm over tokens: by itself against an oracle, or inside a loop on a predictor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from physgan.design.ledger import BudgetSpent, Ledger
from physgan.design.space import Tokens, TokenSpace, Values

Allowed = Callable[[Tokens], np.ndarray]
"""Which of ``(n, L)`` may be bred: ``(n,)``."""


@dataclass(frozen=True)
class GeneticOptions:
    """Of each generation of ``population`` the best ``survivors`` share lives; the rest is bred:
    every position from one of two survivors (``recombine``: the second's share), then changed to
    a random word with probability ``mutate``, on average ``mutate * L`` changes."""

    population: int = 1000
    survivors: float = 0.1
    recombine: float = 0.5
    mutate: float = 0.02


def breed(
    parents: Tokens, n: int, space: TokenSpace, options: GeneticOptions, rng: np.random.Generator
) -> Tokens:
    """``n`` children ``(n, L)`` of random pairs of ``parents``; fixed positions stay."""
    first, second = parents[rng.integers(0, len(parents), (2, n))]
    children = np.where(rng.random(first.shape) < options.recombine, second, first)
    change = rng.random(first.shape) < options.mutate
    if space.free is not None:
        change &= space.free
    return np.where(change, rng.integers(0, space.words, first.shape), children)


def evolve(
    ledger: Ledger,
    options: GeneticOptions,
    *,
    seed: int = 0,
    generations: int | None = None,
    goal: float = np.inf,
) -> Ledger:
    """Ask generation after generation until ``goal`` is reached, the budget is spent or
    ``generations`` are done. It starts from ``space.start``, else from random sequences."""
    space, rng = ledger.space, np.random.default_rng(seed)
    start = space.random(options.population, rng) if space.start is None else space.start
    population = start
    if len(start) < options.population:
        more = breed(start, options.population - len(start), space, options, rng)
        population = np.concatenate([start, more])
    generation = 0
    try:
        while True:
            values = ledger.ask(population, round=generation, source="genetic")
            generation += 1
            if np.nanmax(values) >= goal or generation == generations:
                return ledger
            parents = population[survivors(values, options)]
            keep = np.unique(parents, axis=0)
            children = breed(parents, options.population - len(keep), space, options, rng)
            population = np.concatenate([keep, children])
    except BudgetSpent:
        return ledger


def survivors(values: Values, options: GeneticOptions) -> np.ndarray:
    """Rows of the best share of ``values``, at least two, never one without a value."""
    finite = np.flatnonzero(np.isfinite(values))
    if not len(finite):
        return np.arange(len(values))
    count = max(2, round(options.survivors * len(values)))
    return finite[np.argsort(-values[finite], kind="stable")[:count]]


def climb(
    score: Callable[[Tokens], Values],
    start: Tokens,
    space: TokenSpace,
    *,
    generations: int = 20,
    options: GeneticOptions | None = None,
    seed: int = 0,
    allowed: Allowed | None = None,
) -> tuple[Tokens, Values]:
    """Every different sequence that a genetic algorithm on ``score`` met, best first, with scores.

    ``score`` is a predictor and costs nothing, so no budget is kept; children that are not
    ``allowed`` die unscored.
    """
    options, rng = options or GeneticOptions(population=500), np.random.default_rng(seed)
    pool = np.unique(start, axis=0)
    value = np.asarray(score(pool), dtype=np.float64)
    seen = {row.tobytes() for row in pool}
    for _ in range(generations):
        parents = pool[np.argsort(-value, kind="stable")]
        parents = parents[: max(2, round(options.survivors * options.population))]
        children = np.unique(breed(parents, options.population, space, options, rng), axis=0)
        fresh = np.array([row.tobytes() not in seen for row in children], dtype=bool)
        if allowed is not None:
            fresh &= allowed(children)
        children = children[fresh]
        if not len(children):
            continue
        seen |= {row.tobytes() for row in children}
        pool = np.concatenate([pool, children])
        value = np.concatenate([value, np.asarray(score(children), dtype=np.float64)])
    order = np.argsort(-value, kind="stable")
    return pool[order], value[order]
