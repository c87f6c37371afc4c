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
from numpy.typing import NDArray
from tensordict import TensorDict

from physgan.conditions import Target
from physgan.design.batch_choice import choose
from physgan.design.evolution import GeneticOptions, climb
from physgan.design.space import TokenSpace
from physgan.equip import fit_run_predictor, options_for
from physgan.predictors import Predictor
from physgan.run import PREDICTOR, Run
from physgan.training.config import RunConfig
from physgan_protein.alphabet import AMINO_ACIDS, decode, encode, one_hot
from physgan_protein.io import read_records
from physgan_protein.metrics.fitness import TOP, design_figures
from physgan_protein.oracles.measured import MEASURED
from physgan_protein.oracles.replica import ReplicaOracle, train_replicas
from physgan_protein.oracles.replica_fit import ReplicaOptions
from physgan_protein.references import consensus
from runs import kept

TASKS = {"aav_medium": ("aav", "ggs_medium"), "aav_hard": ("aav", "ggs_hard"),
         "gfp_medium": ("gfp", "ggs_medium"), "gfp_hard": ("gfp", "ggs_hard")}  # fmt: skip
EDITS, DIVERSITY = {"aav": 3, "gfp": 2}, {"aav": 3.7, "gfp": 3.5}
ORACLE_MINUTES = {"aav": {"ggs": 3.0, "positional": 2.0}, "gfp": {"ggs": 5.0, "positional": 4.0}}
DRAWN = 2000
MODES: dict[str, dict[str, Any]] = {
    "ours": {"core": "vae-gan", "core_options": {"guided": 1.0}},
    "ours without critic": {"core": "vae-gan", "core_options": {"guided": 1.0, "adversarial": 0.0}},
    "ours without predictor": {"core": "vae-gan", "core_options": {"guided": 0.0}},
    "ours without VAE": {"core": "physics-gan", "core_options": {"guided": 1.0}},
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
            options=ReplicaOptions(minutes=minutes),
        )  # fmt: skip

    def scorer(architecture: str) -> Any:
        oracle = ReplicaOracle.read(folder, primary=architecture)
        return lambda sequences: measured.normalised(oracle(list(sequences)))

    return {architecture: scorer(architecture) for architecture in ORACLE_MINUTES[name]}


def trained(data: Path, work: Path, task: str, mode: str, seed: int, minutes: float) -> Run:
    """The run of ``mode`` in ``work``: half of the ``minutes`` for the predictor, which all modes
    of a task and seed share, half for the game."""
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
            "subset": subset, "edit": "consensus", "budget": EDITS[name], "shares": [0.1, 0.0],
        },
        **MODES[mode],
        "trainer": {"max_minutes": minutes / 2, "seed": seed, "accelerator": "cpu"},
    }  # fmt: skip
    run = Run.start(folder, RunConfig.advised(values))
    shared = work / f"{task}-predictor-{seed}"
    if not shared.exists():
        fit_run_predictor(run, options_for(run.domain, minutes / 2, seed=seed))
        shutil.copytree(folder / PREDICTOR, shared)
    elif not (folder / PREDICTOR).exists():
        shutil.copytree(shared, folder / PREDICTOR)
    if run.train().reason == "interrupted":
        raise SystemExit("stopped; the same command goes on")
    return Run.open(folder)


def designs_of(run: Run, task: str, seed: int, by_predictor: bool) -> tuple[list[str], Any]:
    """128 designs of the highest prediction at the diversity of the task, and their predictions;
    without the predictor the first 128 that differ, with none."""
    name, _ = TASKS[task]
    (prop,) = run.schema.properties
    x = run.sample(DRAWN, [Target(prop.name, "max")], seed=seed)
    drawn = list(dict.fromkeys(s for s in run.domain.decode(x) if s is not None))
    if not by_predictor:
        return drawn[:TOP], np.zeros(len(drawn[:TOP]))
    predictor = run.predictor()
    assert predictor is not None
    tokens = encode(drawn, len(drawn[0]))
    said = predicted(predictor, name, tokens)
    rows = choose(said, tokens, min(TOP, len(drawn)), diversity=DIVERSITY[name])
    return [drawn[i] for i in rows], said[rows]


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


def mutants(rows: Sequence[str], k: int, seed: int, *, by_frequency: bool) -> list[str]:
    """128 sequences ``k`` residues from the consensus of ``rows``, at random places: residues at
    random, or as often as the rows have them there."""
    rng = np.random.default_rng(seed)
    common = consensus(rows).numpy()
    counts = np.full((len(common), len(AMINO_ACIDS)), 1.0)
    if by_frequency:
        counts = one_hot(encode(rows, len(common)))[..., : len(AMINO_ACIDS)].sum(dim=0).numpy()
    counts[np.arange(len(common)), common] = 0
    chance = (counts / counts.sum()).ravel()
    out = np.repeat(common[None], TOP, axis=0)
    for row in out:
        while (row != common).sum() < k:
            place, word = divmod(int(rng.choice(len(chance), p=chance)), len(AMINO_ACIDS))
            row[place] = word
    return decode(out)


def baselines(data: Path, work: Path, task: str, seed: int) -> dict[str, Figures]:
    """Figures of designs that no generator made."""
    name, _ = TASKS[task]
    judges, rows = oracles(data, work, name), task_rows(data, task)
    rng = np.random.default_rng(seed)
    tokens = encode(rows, len(rows[0]))
    changed = tokens[rng.choice(len(tokens), TOP)]
    changed[np.arange(TOP), rng.integers(0, tokens.shape[1], TOP)] = rng.integers(0, 20, TOP)
    sets = {"random": decode(changed)}
    sets["consensus + 1"] = mutants(rows, 1, seed, by_frequency=False)
    for k in (1, 2, 3):
        sets[f"consensus + {k} by frequency"] = mutants(rows, k, seed, by_frequency=True)
    nothing = np.zeros(TOP)
    found = {n: _figures(s, nothing, judges, rows) for n, s in sets.items()}
    # Ours has been trained by now, so that its minutes are of no consequence here.
    predictor = trained(data, work, task, "ours", seed, 1.0).predictor()
    assert predictor is not None

    def score(met: NDArray[np.int64]) -> NDArray[np.float64]:
        return predicted(predictor, name, met)

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
    data: Path, work: Path, tasks: Sequence[str], seeds: list[int], minutes: float, ablated: str
) -> tuple[Figures, dict[str, Figures], dict[str, Figures], Figures]:
    """By task: ours, baselines, the ablation on the task ``ablated``, and every seed's figures."""
    ours: Figures = {}
    others: dict[str, Figures] = {}
    ablation: dict[str, Figures] = {}
    everything: Figures = {}

    def one(task: str, mode: str, seed: int) -> Figures:
        run = trained(data, work, task, mode, seed, minutes)
        designs, said = designs_of(run, task, seed, mode != "ours without predictor")
        judges = oracles(data, work, TASKS[task][0])
        return _figures(designs, said, judges, task_rows(data, task))

    for task in tasks:
        for mode in MODES if task == ablated else ("ours",):
            slug = f"{task}-{mode.replace(' ', '-')}"
            rows = [
                kept(work / f"{slug}-{s}.json", lambda t=task, m=mode, s=s: one(t, m, s))
                for s in seeds
            ]
            everything[slug] = rows
            (ours if mode == "ours" else ablation.setdefault(mode, {}))[task] = middle(rows)
        rows = [
            kept(
                work / f"{task}-baselines-{s}.json", lambda t=task, s=s: baselines(data, work, t, s)
            )
            for s in seeds
        ]
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
