"""Budgeted active learning: ask an oracle in batches, learn from the answers, ask again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from physgan.design.batch_choice import choose, new_enough, thompson
from physgan.design.evolution import Allowed, GeneticOptions, breed, climb
from physgan.design.ledger import BudgetSpent, Ledger
from physgan.design.space import Tokens, Values, distances
from physgan.errors import InputError


class Surrogate(Protocol):
    """A model of the oracle that knows how sure it is."""

    def fit(self, tokens: Tokens, values: Values, seed: int = 0) -> Surrogate: ...

    def predict(self, tokens: Tokens) -> tuple[Values, Values]: ...

    def draws(self, tokens: Tokens, n: int, rng: np.random.Generator) -> NDArray[np.float64]: ...


@dataclass(frozen=True)
class Batch:
    """Samples to ask for, with where each came from and what was expected of it."""

    tokens: Tokens
    sources: Sequence[str]
    predicted: Values | None = None
    spread: Values | None = None


Source = Callable[[int, Ledger, np.random.Generator], Tokens]
"""Gives candidates, ``(n asked, answers so far, rng) -> (m, L)``: a trained generator's samples."""


@dataclass(frozen=True)
class ActiveLearning:
    """How the next batch is chosen.

    Candidates are the whole library where there is one, else what a genetic algorithm meets on
    the upper bound of the model, and the samples of ``sources``, by name. The ``pool`` candidates
    with the highest mean + ``optimism`` standard deviations stand for choice: by Thompson
    sampling or, where ``acquisition`` is "ucb", by that bound. ``novelty`` is the least distance
    to all that is known, ``apart`` the least distance within a batch, ``diversity`` the batch's
    least mean distance.

    Models learn ``(value - least value) ** power``, 0 being the logarithm, each of ``powers`` for
    an equal share of the batch: measured values crowd at their floor, and what a power below 1
    makes of a few peaks is no longer all that counts. Which power is best is not known before.
    """

    surrogate: Callable[[], Surrogate]
    acquisition: str = "thompson"
    optimism: float = 2.0
    pool: int = 2000
    powers: tuple[float, ...] = (0.0, 0.5)
    novelty: int = 1
    apart: int = 0
    diversity: float = 0.0
    sources: tuple[tuple[str, Source], ...] = ()
    genetic: GeneticOptions = field(
        default_factory=lambda: GeneticOptions(population=500, mutate=0.03)
    )
    generations: int = 15

    def __post_init__(self) -> None:
        if self.acquisition not in ("thompson", "ucb"):
            raise InputError(f"no acquisition called {self.acquisition!r}", fix="thompson or ucb")
        if not self.powers or min(self.powers) < 0.0 or max(self.powers) > 1.0:
            raise InputError(f"powers={self.powers}", fix="one or more between 0 and 1")

    def propose(self, ledger: Ledger, n: int, rng: np.random.Generator) -> Batch:
        """The next ``n`` samples, fewer where the constraints leave fewer."""
        finite = np.isfinite(ledger.values)
        if finite.sum() < 2:
            return first_batch(ledger, n, rng)
        parts: list[Batch] = []
        for index, power in enumerate(self.powers):
            share = (n * (index + 1)) // len(self.powers) - sum(len(p.tokens) for p in parts)
            taken = [part.tokens for part in parts]
            if share > 0:
                part = self._by_power(power, ledger, share, taken, rng)
                parts += [part] if len(part.tokens) else []
        if not parts:
            return first_batch(ledger, n, rng)
        tokens, predicted, spread = (
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("tokens", "predicted", "spread")
        )
        return Batch(tokens, [s for part in parts for s in part.sources], predicted, spread)

    def _by_power(
        self, power: float, ledger: Ledger, n: int, taken: Sequence[Tokens],
        rng: np.random.Generator,
    ) -> Batch:  # fmt: skip
        """``n`` samples, none of those ``taken``, by the model of values to one ``power``."""
        finite = np.isfinite(ledger.values)
        warp = _Warp(ledger.values[finite], power)
        known, seed = ledger.tokens[finite], int(rng.integers(2**31))
        model = self.surrogate().fit(known, warp(ledger.values[finite]), seed)

        def bound(tokens: Tokens) -> Values:
            mean, spread = model.predict(tokens)
            return mean + self.optimism * spread

        tokens, sources = self._candidates(ledger, bound, n, rng)
        if taken:
            old = np.concatenate(taken)
            keep = distances(tokens, old) >= max(1, self.apart)
            tokens, sources = tokens[keep], sources[keep]
        if not len(tokens):
            return Batch(tokens, [], np.zeros(0), np.zeros(0))
        mean, spread = model.predict(tokens)
        score = mean + self.optimism * spread
        keep = np.argsort(-score, kind="stable")[: max(self.pool, n)]
        tokens, sources, score = tokens[keep], sources[keep], score[keep]
        mean, spread = mean[keep], spread[keep]
        plain = self.apart <= 1 and self.diversity <= 0
        if self.acquisition == "thompson":
            count = min(n if plain else 4 * n, len(tokens))
            rows = thompson(model.draws(tokens, max(count, 2), rng), count)
            # Their order is the preference from here on.
            score = np.full(len(tokens), -np.inf)
            score[rows] = -np.arange(len(rows), dtype=float)
        chosen = choose(score, tokens, n, apart=self.apart, diversity=self.diversity)
        return Batch(
            tokens[chosen], sources[chosen].tolist(), warp.back(mean[chosen]),
            warp.slope(mean[chosen]) * spread[chosen],
        )  # fmt: skip

    def _candidates(
        self, ledger: Ledger, bound: Callable[[Tokens], Values], n: int, rng: np.random.Generator
    ) -> tuple[Tokens, NDArray[np.str_]]:
        space = ledger.space
        found: list[Tokens] = []
        names: list[str] = []
        if space.library is not None:
            found.append(space.library)
            names.append("enumeration")
        for name, source in self.sources:
            found.append(source(max(self.pool, 4 * n), ledger, rng))
            names.append(name)
        if space.library is None:
            best = np.argsort(-np.where(np.isfinite(ledger.values), ledger.values, -np.inf))
            start = np.concatenate([ledger.tokens[best[: self.genetic.population]], *found])
            met, _ = climb(
                bound, start, space, generations=self.generations, options=self.genetic,
                seed=int(rng.integers(2**31)), allowed=_feasible(ledger),
            )  # fmt: skip
            found.append(met)
            names.append("evolution")
        tokens = np.concatenate(found)
        labels = np.repeat(names, [len(part) for part in found])
        _, first = np.unique(tokens, axis=0, return_index=True)
        first.sort()
        tokens, labels = tokens[first], labels[first]
        keep = ~ledger.known(tokens)
        keep[keep] = new_enough(
            tokens[keep], ledger.tokens, self.novelty if self.novelty > 1 else 0
        )
        return tokens[keep], labels[keep]


def first_batch(ledger: Ledger, n: int, rng: np.random.Generator) -> Batch:
    """What is asked before anything is known: ``space.start``, then random samples."""
    space = ledger.space
    drawn = space.random(2 * n, rng)
    if space.start is not None and space.library is None:
        options = GeneticOptions(mutate=2.0 / space.length)
        drawn = np.concatenate([space.start, breed(space.start, 2 * n, space, options, rng)])
    _, first = np.unique(drawn, axis=0, return_index=True)
    drawn = drawn[np.sort(first)]
    drawn = drawn[~ledger.known(drawn)][:n]
    return Batch(drawn, ["start"] * len(drawn))


def run_rounds(
    ledger: Ledger,
    method: ActiveLearning,
    rounds: int,
    batch: int | Sequence[int],
    *,
    seed: int = 0,
    goal: float = np.inf,
    say: Callable[[str], None] = lambda text: None,
    learn: Callable[[Ledger], None] = lambda ledger: None,
) -> Ledger:
    """``rounds`` batches of ``batch`` questions each (or of its entries).

    The first has no model behind it. Each round depends on ``seed``, its number and the answers
    before it alone: a ledger on disk is continued in the round where it ended. ``learn`` gets
    these answers first, where there are any. It ends early when the budget is spent or ``goal``
    is reached.
    """
    sizes = [batch] * rounds if isinstance(batch, int) else list(batch)
    if len(sizes) != rounds or min(sizes, default=1) < 1:
        raise InputError(f"{rounds} rounds of {batch} questions cannot be asked")
    for number, size in enumerate(sizes):
        if (ledger.rounds == number).sum() >= size or (ledger.rounds > number).any():
            continue
        before = _before(ledger, number)
        rng = np.random.default_rng([seed, number])
        if np.isfinite(before.values).any():
            learn(before)
        picked = method.propose(before, size, rng)
        if not len(picked.tokens):
            say(f"round {number + 1}: nothing is left to ask")
            break
        try:
            ledger.ask(
                picked.tokens, round=number, source=picked.sources,
                predicted=picked.predicted, spread=picked.spread,
            )  # fmt: skip
        except BudgetSpent:
            say("the budget is spent")
            break
        if np.isfinite(ledger.values).any():
            value = ledger.best()[1]
            say(f"round {number + 1} of {rounds}: {len(ledger)} answers, best {value:.4g}")
            if value >= goal:
                break
    return ledger


def _before(ledger: Ledger, number: int) -> Ledger:
    """The answers of the rounds before ``number``: what a round cut short was chosen by."""
    rows = ledger.rounds < number
    if rows.all():
        return ledger
    past = Ledger(ledger.oracle, ledger.space)
    sources = [name for name, keep in zip(ledger.sources, rows, strict=True) if keep]
    past._add(ledger.tokens[rows], ledger.values[rows], ledger.rounds[rows], sources)
    return past


def _feasible(ledger: Ledger) -> Allowed | None:
    """Where some samples broke rules: children whose neighbours have all been seen together."""
    if ledger.feasible.all():
        return None
    from physgan.design.chain import seen_transitions

    seen = seen_transitions(ledger.tokens[ledger.feasible], ledger.space.words)
    return lambda tokens: np.asarray(seen[tokens[:, :-1], tokens[:, 1:]].all(axis=1))


class _Warp:
    """``(value - least) ** power``, or its logarithm above 1 % of the range; and the inverse."""

    def __init__(self, values: Values, power: float) -> None:
        self.least, self.power = float(values.min()), power
        self.floor = 0.01 * max(float(values.max()) - self.least, 1e-9)

    def __call__(self, values: Values) -> Values:
        above = np.clip(values - self.least, 0.0, None)
        return above**self.power if self.power else np.log(above + self.floor)

    def back(self, warped: Values) -> Values:
        if not self.power:
            return np.exp(warped) - self.floor + self.least
        return np.clip(warped, 0.0, None) ** (1.0 / self.power) + self.least

    def slope(self, warped: Values) -> Values:
        if not self.power:
            return np.exp(warped)
        return np.clip(warped, 1e-9, None) ** (1.0 / self.power - 1.0) / self.power
