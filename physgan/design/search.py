"""A search for better samples under a budget of an oracle's answers, as a domain sets it up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from physgan.design.evolution import GeneticOptions, evolve
from physgan.design.ledger import BudgetSpent, Ledger
from physgan.design.patterns import PatternSearch
from physgan.design.rounds import ActiveLearning, Source, Surrogate, run_rounds
from physgan.design.space import Ask, TokenSpace
from physgan.errors import InputError

METHODS = ("active", "patterns", "genetic", "random")


@dataclass(frozen=True)
class Search:
    """What a domain says of a search: its ``search(oracle, run, seed)`` returns one.

    ``decode`` makes tokens ``(n, L)`` native samples, ``surrogate`` a model of the oracle;
    ``sources`` are candidates by name besides the library or evolution. ``method`` is the one of
    ``METHODS`` that suits the oracle, ``goal`` the value at which nothing more is to be found.
    ``notes`` say in words what was assumed.
    """

    space: TokenSpace
    ask: Ask
    surrogate: Callable[[], Surrogate]
    decode: Callable[[Any], Sequence[Any]]
    oracle: str
    method: str = "active"
    goal: float = np.inf
    sources: tuple[tuple[str, Source], ...] = ()
    notes: tuple[str, ...] = field(default_factory=tuple)


def search_rounds(
    search: Search,
    rounds: int,
    batch: int,
    *,
    method: str | None = None,
    seed: int = 0,
    path: Path | None = None,
    novelty: int = 1,
    apart: int = 0,
    diversity: float = 0.0,
    acquisition: str = "thompson",
    say: Callable[[str], None] = lambda text: None,
    learn: Callable[[Ledger], None] | None = None,
) -> Ledger:
    """Ask at most ``rounds * batch`` questions by ``method``; the answers are in ``path`` as soon
    as they are known, and the same call goes on from there.

    ``learn`` gets the answers before each round. Raises InputError for an unknown method, and for
    constraints and learning that only "active" knows.
    """
    chosen = search.method if method is None else method
    if chosen not in METHODS:
        raise InputError(f"no method called {chosen!r}", fix=f"one of {', '.join(METHODS)}")
    if rounds < 1 or batch < 1:
        raise InputError(f"{rounds} rounds of {batch} questions", fix="at least one of each")
    if chosen != "active" and (novelty > 1 or apart > 0 or diversity > 0):
        raise InputError(
            f"the method {chosen!r} keeps no diversity or novelty", fix="use the method active"
        )
    if learn is not None and (chosen != "active" or not search.sources):
        raise InputError(
            "no generator offers candidates in this search: there is nothing to train again",
            fix="leave out --retrain, or use the method active with a run of its own",
        )
    budget = rounds * batch
    ledger = Ledger(search.ask, search.space, budget, path)
    if chosen == "active":
        active = ActiveLearning(
            search.surrogate, acquisition=acquisition, novelty=novelty, apart=apart,
            diversity=diversity, sources=search.sources,
        )  # fmt: skip
        return run_rounds(
            ledger, active, rounds, batch, seed=seed, goal=search.goal, say=say,
            learn=learn or (lambda ledger: None),
        )  # fmt: skip
    if chosen == "patterns":
        return PatternSearch(ledger, seed=seed, goal=search.goal, say=say).run()
    if chosen == "genetic":
        options = GeneticOptions(population=batch, mutate=1.0 / search.space.length)
        return evolve(ledger, options, seed=seed, goal=search.goal)
    try:
        for number in range(rounds):
            rng = np.random.default_rng([seed, number])
            ledger.ask(search.space.random(batch, rng), round=number, source="random")
    except BudgetSpent:
        say("the budget is spent")
    return ledger
