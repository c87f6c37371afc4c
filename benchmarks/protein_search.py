"""Search under a budget of answers: GB1 with few labels, and an Ehrlich function.

The GB1 protocol is that of Yang et al. (2025, "ALDE"): a batch of random labels, then batches of
designs, the best of all over the best that is known. The space can be enumerated, so what is
compared here is surrogate and acquisition, not a generator.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from physgan.design.evolution import GeneticOptions, breed, evolve, survivors
from physgan.design.ledger import Ledger
from physgan.design.patterns import PatternSearch
from physgan.design.rounds import ActiveLearning, run_rounds
from physgan.design.site_kernel import SiteKernelProcess
from physgan.design.space import TokenSpace
from physgan_protein.alphabet import AMINO_ACIDS, decode, encode
from physgan_protein.guides.descriptors import descriptors
from physgan_protein.oracles.ehrlich import Ehrlich
from physgan_protein.oracles.measured import GB1
from runs import kept

SCHEDULES = {"gb1_best_384_96": (384, 96), "gb1_best_96x5": (96,) * 5}
EHRLICH: dict[str, Any] = {
    "states": 32,
    "length": 32,
    "motifs": 4,
    "motif_length": 4,
    "quantization": 4,
}
STARTS = 100
"""Feasible sequences that every search of an Ehrlich function is given."""
MOST_CALLS = 60_000
GENETIC = {
    "crossing": GeneticOptions(),
    "mutation alone": GeneticOptions(recombine=0.0, mutate=1 / 32),
}
Figures = dict[str, Any]


@cache
def library(data: Path) -> tuple[Any, TokenSpace]:
    """The measured GB1 landscape, and the space of its variants."""
    landscape = GB1.landscape(data)
    tokens = encode(list(landscape.table), 4)
    return landscape, TokenSpace(20, 4, library=tokens, scales=descriptors(), letters=AMINO_ACIDS)


def gb1_search(data: Path, work: Path, seeds: list[int]) -> tuple[Figures, Figures, Figures]:
    """Best fitness found over the best known, by schedule: ours, baselines, all seeds."""
    ours: Figures = {}
    others: dict[str, Figures] = {"random": {}, "genetic algorithm on the oracle": {}}
    rows: Figures = {}
    for key, batches in SCHEDULES.items():
        found = [
            kept(work / f"{key}-{seed}.json", lambda b=batches, s=seed: one_gb1(data, b, s))
            for seed in seeds
        ]
        rows[key] = {name: [row[name] for row in found] for name in found[0]}
        ours[key] = median(rows[key]["ours"])
        for name, row in others.items():
            row[key] = median(rows[key][name])
    return ours, others, rows


def one_gb1(data: Path, batches: tuple[int, ...], seed: int) -> dict[str, float]:
    landscape, space = library(data)
    best = max(landscape.table.values())

    def ask(tokens: Any) -> Any:
        with landscape.free():
            return landscape(decode(tokens))

    ledger = Ledger(ask, space, sum(batches))
    method = ActiveLearning(lambda: SiteKernelProcess(20, space.scales))
    run_rounds(ledger, method, len(batches), batches, seed=seed)
    budget = sum(batches)
    chance = Ledger(ask, space, budget)
    chance.ask(space.random(budget, np.random.default_rng([seed, 1])))
    # Unmeasured variants cost a question, as they would in the laboratory.
    free = TokenSpace(20, 4, letters=AMINO_ACIDS)
    genetic = Ledger(ask, free, budget)
    options, rng = GeneticOptions(mutate=0.25), np.random.default_rng([seed, 2])
    for round, size in enumerate(batches):
        tokens = free.random(size, rng)
        if round:
            parents = genetic.tokens[survivors(genetic.values, options)]
            tokens = np.unique(breed(parents, 20 * size, free, options, rng), axis=0)
            tokens = rng.permutation(tokens[~genetic.known(tokens)])[:size]
        genetic.ask(tokens, round=round)
    return {
        "ours": ledger.best()[1] / best,
        "random": chance.best()[1] / best,
        "genetic algorithm on the oracle": genetic.best()[1] / best,
    }


def ehrlich(work: Path, seeds: list[int]) -> tuple[Figures, Figures, Figures]:
    """Seeds that reach the optimum, calls beside the genetic algorithm's, the feasible share."""
    rows = [kept(work / f"ehrlich-{seed}.json", lambda s=seed: one_ehrlich(s)) for seed in seeds]
    ours = [row["ours"] for row in rows]
    genetic = [row["genetic algorithm"] for row in rows]
    ratio = median(o["calls"] / g["calls"] for o, g in zip(ours, genetic, strict=True))
    figures = {
        "ehrlich_solved_seeds": sum(row["best"] >= 1 for row in ours),
        "ehrlich_calls_over_ga": ratio,
        "ehrlich_feasible": median(row["feasible"] for row in ours),
        "ehrlich_calls": median(row["calls"] for row in ours),
    }
    others = {
        name: {
            "ehrlich_solved_seeds": sum(row[name]["best"] >= 1 for row in rows),
            "ehrlich_feasible": median(row[name]["feasible"] for row in rows),
            "ehrlich_calls": median(row[name]["calls"] for row in rows),
            "ehrlich_best": median(row[name]["best"] for row in rows),
        }
        for name in ("random", "genetic algorithm")
    }
    return figures, others, {"ehrlich": rows}


def one_ehrlich(seed: int) -> dict[str, Mapping[str, float]]:
    """Each search on the function of ``seed``; of two genetic algorithms the better one counts."""
    truth = Ehrlich(**EHRLICH, function_seed=seed, seed=seed)
    plain = TokenSpace(truth.states, truth.length, letters=truth.alphabet)
    start = plain.read(truth.initial_solution(STARTS))
    space = TokenSpace(truth.states, truth.length, start=start, letters=truth.alphabet)

    def fresh() -> Ledger:
        return Ledger(lambda tokens: truth.score(space.spell(tokens)), space, MOST_CALLS)

    ours = PatternSearch(fresh(), seed=seed, goal=1.0).run()
    genetic = [told(evolve(fresh(), o, seed=seed, goal=1.0)) for o in GENETIC.values()]
    chance = fresh()
    rng = np.random.default_rng([seed, 1])
    chance.ask(start)
    for _ in range(len(ours) // 1000 + 1):
        chance.ask(space.random(1000, rng))
    best = max(genetic, key=lambda row: (row["best"], -row["calls"]))
    return {"ours": told(ours), "genetic algorithm": best, "random": told(chance)}


def told(ledger: Ledger) -> dict[str, float]:
    """Best value, the call that found it (all, where the optimum was not), the feasible share."""
    so_far = ledger.best_so_far()
    solved = np.flatnonzero(so_far >= 1)
    calls = int(solved[0]) + 1 if len(solved) else len(ledger)
    feasible = float(ledger.feasible[:calls].mean())
    return {"best": float(so_far[-1]), "calls": calls, "feasible": feasible}
