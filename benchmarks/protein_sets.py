"""AAV and GFP, medium and hard: designs from poor variants alone, by the protocol of GGS.

Kirjner et al. (ICLR 2024) mark the rows that may be seen; 128 designs chosen by the predictor are
scored by an oracle trained on the whole table. The published oracle's weights are not here: the
same network is trained again, and one of another architecture beside it. Fitness is normalised by
the extremes of the table and means something only beside diversity and novelty.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tensordict import TensorDict

from physgan.conditions import Target
from physgan.design.batch_choice import choose
from physgan.design.doubts import blind
from physgan.design.evolution import GeneticOptions, climb
from physgan.design.space import TokenSpace
from physgan.equip import fit_run_predictor, options_for
from physgan.errors import InputError
from physgan.predictors import Predictor
from physgan.run import PREDICTOR, Run
from physgan.training.config import RunConfig
from physgan_protein.alphabet import AMINO_ACIDS, decode, encode, one_hot
from physgan_protein.baselines import consensus_mutants, random_mutants
from physgan_protein.io import read_records
from physgan_protein.metrics.family import Profile
from physgan_protein.metrics.fitness import TOP, design_figures
from physgan_protein.metrics.tolerance import plausibility
from physgan_protein.oracles.measured import MEASURED
from physgan_protein.oracles.replica import ReplicaOracle, train_replicas
from physgan_protein.oracles.replica_fit import ReplicaOptions
from runs import kept

TASKS = {"aav_medium": ("aav", "ggs_medium"), "aav_hard": ("aav", "ggs_hard"),
         "gfp_medium": ("gfp", "ggs_medium"), "gfp_hard": ("gfp", "ggs_hard")}  # fmt: skip
EDITS = {"aav_medium": 4, "aav_hard": 3, "gfp_medium": 2, "gfp_hard": 2}
DIVERSITY = {"aav_medium": 5.6, "aav_hard": 4.3, "gfp_medium": 3.5, "gfp_hard": 3.5}
"""Most exchanges, and what sets that are chosen by a score are held to: of AAV the diversity of the
best published set, of GFP the least at which more than the wild type with one exchange is needed.
Two designs differ by the exchanges of both, so half of the designs have one less."""
ELSEWHERE = {"gfp_medium": (3, 4.3)}
"""Where the best published set is more diverse: exchanges and diversity of a second row."""
BATCH = {"aav": 128, "gfp": 48}
ORACLE_MINUTES = {"aav": {"ggs": 2.5, "positional": 1.5}, "gfp": {"ggs": 30.0, "positional": 10.0}}
"""At most; a GPU trains GFP's to the end in one."""
DRAWN = 6000
"""Designs of each number of exchanges."""
SMALL = {"width": 48, "depth": 2}
GAME = {"network": SMALL, "critic_network": {**SMALL, "minibatch": 16}, "start": 60}
"""Networks and pace that suit a minute on one core."""
MODES: dict[str, dict[str, Any]] = {
    "ours": {"core": "vae-gan", "core_options": {**GAME, "interval": 3, "guided": 1.0}},
    "ours without critic": {
        "core": "vae-gan",
        "core_options": {**GAME, "interval": 3, "guided": 1.0, "adversarial": 0.0},
    },
    "ours without predictor": {"core": "vae-gan", "core_options": {**GAME, "interval": 3}},
    "ours without VAE": {
        "core": "physics-gan",
        "core_options": {k: v for k, v in GAME.items() if k != "start"} | {"guided": 1.0},
    },
}
MEMBERS = {
    "aav": ({"kind": "pairs", "width": 64}, {"kind": "mlp"}, {"kind": "cnn", **SMALL}),
    "gfp": ({"kind": "mlp"}, {"kind": "cnn", **SMALL}),
}
Figures = dict[str, Any]


@cache
def oracles(data: Path, work: Path, name: str) -> dict[str, Any]:
    """The replica by architecture, as scorers of normalised fitness."""
    measured, folder = MEASURED[name], work / f"replica-{name}"
    table = measured.landscape(data).table
    for architecture, minutes in ORACLE_MINUTES[name].items():
        train_replicas(
            table, folder, seeds=(0,), architectures=(architecture,),
            options=ReplicaOptions(
                minutes=minutes, device="cuda" if torch.cuda.is_available() else "cpu"
            ),
        )  # fmt: skip

    def scorer(architecture: str) -> Any:
        oracle = ReplicaOracle.read(folder, primary=architecture)
        return lambda sequences: measured.normalised(oracle(list(sequences)))

    return {architecture: scorer(architecture) for architecture in ORACLE_MINUTES[name]}


def fits(work: Path, name: str) -> list[dict[str, Any]]:
    """What became of the replica's members: epochs, seconds, correlation on held-out rows."""
    return ReplicaOracle.read(work / f"replica-{name}").settings()["members"]


def trained(data: Path, work: Path, task: str, mode: str, seed: int, minutes: float) -> Run:
    """The run of ``mode`` in ``work``: a third of the ``minutes`` for the predictor, which all
    modes of a task and seed share, the rest for the game."""
    name, subset = TASKS[task]
    measured, folder = MEASURED[name], work / f"{task}-{mode.replace(' ', '-')}-{seed}"
    if (folder / "card.md").exists():
        return Run.open(folder)
    # What an interrupted training has left is begun again: it takes a minute.
    shutil.rmtree(folder, ignore_errors=True)
    values = {
        "domain": "protein",
        "data": str(data / measured.file),
        "properties": [measured.value],
        "domain_options": {
            "subset": subset, "edit": "consensus", "budget": EDITS[task], "shares": [0.1, 0.0],
        },
        **MODES[mode],
        "trainer": {"max_minutes": 2 * minutes / 3, "seed": seed, "batch_size": BATCH[name],
                    "accelerator": "cpu"},
    }  # fmt: skip
    run = Run.start(folder, RunConfig.advised(values))
    shared = work / f"{task}-predictor-{seed}"
    if not shared.exists():
        chosen = MEMBERS[name]
        options = options_for(
            run.domain, minutes / 3, seed=seed, members=len(chosen), variants=chosen
        )
        fit_run_predictor(run, options)
        shutil.copytree(folder / PREDICTOR, shared)
    elif not (folder / PREDICTOR).exists():
        shutil.copytree(shared, folder / PREDICTOR)
    if run.train().reason == "interrupted":
        raise SystemExit("stopped; the same command goes on")
    return Run.open(folder)


def drawn(run: Run, edits: int, seed: int) -> list[str]:
    """Different designs of ``run`` for the highest value of its property, with ``edits`` exchanges
    and, half of them, one less."""
    (prop,) = run.schema.properties
    generator: Any = run.core.generator
    found: list[str | None] = []
    for budget in (edits - 1, edits):
        generator.budget = budget
        x = run.sample(DRAWN, [Target(prop.name, "max")], seed=seed)
        found += run.domain.decode(x)
    return list(dict.fromkeys(s for s in found if s is not None))


def ranked(
    designs: list[str],
    task: str,
    rows: Sequence[str],
    predictor: Predictor | None,
    diversity: float,
) -> tuple[list[str], NDArray[np.float64]]:
    """128 of ``designs`` of a ``diversity``, and their predictions (0 without any).

    They are chosen by their ``plausibility``, to which a predictor adds if it ranks held-out rows
    better than chance would in one of twenty cases.
    """
    tokens = encode(designs, len(designs[0]))
    said = np.zeros(len(designs))
    if predictor is not None and knows(predictor):
        said = predicted(predictor, TASKS[task][0], tokens)
    score = plausibility(designs, Profile.fit(rows).shares, said)
    try:
        chosen = choose(score, tokens, min(TOP, len(designs)), diversity=diversity, tolerance=0.0)
    except InputError:
        # A collapsed set is told as it is.
        chosen = np.argsort(-score, kind="stable")[:TOP]
    return [designs[i] for i in chosen], said[chosen]


def knows(predictor: Predictor) -> bool:
    """Whether ``predictor`` ranks rows that it was not fitted to."""
    return not blind(predictor, predictor.names)


def predicted(predictor: Predictor, name: str, tokens: NDArray[np.int64]) -> NDArray[np.float64]:
    """Normalised predictions ``(n,)`` of tokens ``(n, L)``."""
    x = TensorDict({"residues": one_hot(tokens)}, [len(tokens)])
    return MEASURED[name].normalised(predictor.predict(x).mean[:, 0].numpy())


def task_rows(data: Path, task: str) -> list[str]:
    """The sequences that the task may see."""
    name, subset = TASKS[task]
    records = read_records(data / MEASURED[name].file, "sequence")
    marks = records.columns[subset]
    return list(dict.fromkeys(s for s, m in zip(records.sequences, marks, strict=True) if m == "1"))


def baselines(data: Path, work: Path, task: str, seed: int) -> dict[str, Figures]:
    """Figures of designs that no generator made: any, and chosen as ours are."""
    name, _ = TASKS[task]
    judges, rows = oracles(data, work, name), task_rows(data, task)
    sets = {
        "random": random_mutants(rows, TOP, seed=seed),
        "consensus + 1": consensus_mutants(rows, TOP, 1, by_frequency=False, seed=seed),
    }
    for k in (1, 2, 3):
        sets[f"consensus + {k} by frequency"] = consensus_mutants(rows, TOP, k, seed=seed)
    nothing = np.zeros(TOP)
    found = {n: _figures(s, nothing, judges, rows) for n, s in sets.items()}
    # Ours has been trained by now, so that its minutes are of no consequence here.
    predictor = trained(data, work, task, "ours", seed, 1.0).predictor()
    assert predictor is not None

    edits = (EDITS[task] - 1, EDITS[task])
    many = [s for k in edits for s in consensus_mutants(rows, DRAWN, k, seed=seed)]
    for title, judge in (("", None), (" and predictor", predictor)):
        chosen = ranked(list(dict.fromkeys(many)), task, rows, judge, DIVERSITY[task])
        found[f"consensus, chosen as ours by plausibility{title}"] = _figures(*chosen, judges, rows)

    def score(met: NDArray[np.int64]) -> NDArray[np.float64]:
        return predicted(predictor, name, met)

    tokens, rng = encode(rows, len(rows[0])), np.random.default_rng(seed)
    space = TokenSpace(20, tokens.shape[1], letters=AMINO_ACIDS)
    options = GeneticOptions(population=300, mutate=1 / tokens.shape[1])
    start = tokens[rng.choice(len(tokens), min(300, len(tokens)), replace=False)]
    met, said = climb(score, start, space, generations=20, options=options, seed=seed)
    best = met[:TOP]
    found["genetic algorithm on the same predictor"] = _figures(
        decode(best), said[:TOP], judges, rows
    )
    return found


def _figures(designs: list[str], said: Any, judges: dict[str, Any], rows: list[str]) -> Figures:
    found = design_figures(designs, said, judges["ggs"], rows)
    second = design_figures(designs, said, judges["positional"], rows)
    return {**found, "fitness_second_oracle": second["fitness"]}


def sets(
    data: Path,
    work: Path,
    tasks: Sequence[str],
    seeds: list[int],
    minutes: float,
    ablated: str,
    ablations: int,
) -> tuple[Figures, dict[str, Figures], dict[str, Figures], Figures]:
    """By task: ours, baselines, the ablation on the task ``ablated`` (its first ``ablations``
    seeds), and every seed's figures."""
    ours: Figures = {}
    others: dict[str, Figures] = {}
    ablation: dict[str, Figures] = {}
    everything: Figures = {}

    def one(task: str, mode: str, seed: int, edits: int, diversity: float) -> Figures:
        run, rows = trained(data, work, task, mode, seed, minutes), task_rows(data, task)
        predictor = None if mode == "ours without predictor" else run.predictor()
        chosen = ranked(drawn(run, edits, seed), task, rows, predictor, diversity)
        return _figures(*chosen, oracles(data, work, TASKS[task][0]), rows)

    def points(
        task: str, mode: str, slug: str, seeds: list[int], edits: int, diversity: float
    ) -> list[Figures]:
        return [
            kept(work / f"{slug}-{s}.json", lambda s=s: one(task, mode, s, edits, diversity))
            for s in seeds
        ]

    for task in tasks:
        for mode in MODES if task == ablated else ("ours",):
            slug = f"{task}-{mode.replace(' ', '-')}"
            chosen = seeds if mode == "ours" else seeds[:ablations]
            rows = points(task, mode, slug, chosen, EDITS[task], DIVERSITY[task])
            everything[slug] = rows
            (ours if mode == "ours" else ablation.setdefault(mode, {}))[task] = middle(rows)
        rows = [
            kept(
                work / f"{task}-baselines-{s}.json", lambda t=task, s=s: baselines(data, work, t, s)
            )
            for s in seeds
        ]
        if task in ELSEWHERE:
            point = ELSEWHERE[task]
            row = middle(points(task, "ours", f"{task}-elsewhere", seeds, *point))
            others.setdefault("ours, as diverse as the best published", {})[task] = row
        for name in rows[0]:
            others.setdefault(name, {})[task] = middle([row[name] for row in rows])
    return ours, others, ablation, everything


def middle(rows: Sequence[Figures]) -> Figures:
    """The median of each figure over the seeds, with lowest and highest of fitness beside it."""
    found: Figures = {}
    for key in rows[0]:
        known = [row[key] for row in rows if row[key] is not None and np.isfinite(row[key])]
        found[key] = median(known) if known else None
    fitness = [row["fitness"] for row in rows]
    return found | {"fitness_lowest": min(fitness), "fitness_highest": max(fitness)}
