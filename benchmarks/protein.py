"""Proteins: the README's table, from look-ups and closed forms first, models as judges last.

    python benchmarks/protein.py --data $PHYSGAN_DATA/protein

GB1 on request and with few labels is judged by measurements, Ehrlich functions by their formula;
AAV and GFP by networks trained on the whole table, which is weaker. Every table has the designs
that need no generator beside ours, and fitness never stands without diversity and novelty. With
default settings all parts take about two hours on one core, of which the oracles that have to be
trained take 45; a GPU, where there is one, trains those in two. ``--parts`` runs some of them; each
is kept in --work, so an interrupted benchmark goes on where it was, and more ``--seeds`` only add
to it.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

import torch

from common import write_results
from physgan_protein import ProteinDomain

PARTS = ("gb1", "search", "ehrlich", "aav", "gfp", "coverage", "speed")
ABLATED = "aav_hard"
ABLATIONS = 3
"""Seeds of the ablation, at most."""
REMARK = (
    "Fitness of AAV and GFP is that of replica oracles, the published network trained again on the "
    "same tables: their figures are not exactly those of the published rows. Where a genetic "
    "algorithm did not solve an Ehrlich function, all its calls count: the ratio is then an upper "
    "bound. Published rows were put down from memory where they are marked."
)
UNITS = {
    "gb1_share_above_wt": "%", "gb1_unique": "1", "gb1_target_mae": "deviations",
    "gb1_best_384_96": "1", "gb1_best_96x5": "1", "ehrlich_solved_seeds": "seeds",
    "ehrlich_calls_over_ga": "1", "ehrlich_feasible": "1", "ehrlich_calls": "calls",
    "fitness": "1", "diversity": "edits", "novelty": "edits", "interval_coverage_90": "%",
    "sequences_per_second": "1/s",
}  # fmt: skip
Figures = dict[str, Any]


def main() -> None:
    options = arguments()
    torch.set_num_threads(options.threads)
    data, work, seeds = options.data, options.work, list(range(options.seeds))
    figures: Figures = {}
    baselines: dict[str, Figures] = {}
    extra: Figures = {"by_seed": {}}

    def take(ours: Figures, others: dict[str, Figures], rows: Figures) -> None:
        figures.update(ours)
        for name, row in others.items():
            baselines.setdefault(name, {}).update(row)
        extra["by_seed"] |= rows

    if "gb1" in options.parts:
        from protein_gb1 import gb1

        take(*gb1(options.run, data, work, seeds))
    if "search" in options.parts:
        from protein_search import gb1_search

        take(*gb1_search(data, work, seeds))
    if "ehrlich" in options.parts:
        from protein_search import ehrlich

        take(*ehrlich(work, seeds))
    tasks = [
        f"{name}_{level}"
        for name in ("aav", "gfp")
        for level in ("medium", "hard")
        if name in options.parts
    ]
    if tasks:
        from protein_sets import fits, sets

        few = list(range(options.set_seeds))
        ours, others, ablation, rows = sets(
            data, work, tasks, few, options.minutes, ABLATED, ABLATIONS
        )
        take(ours, others, rows)
        names = [name for name in ("aav", "gfp") if name in options.parts]
        extra["oracles"] = {name: fits(work, name) for name in names}
        extra["ablation"] = {"ours": {k: ours[k] for k in ours if k == ABLATED}, **ablation}
    if "coverage" in options.parts:
        from protein_gb1 import coverage

        figures |= coverage(options.run, data, work)
    if "speed" in options.parts:
        from protein_gb1 import speed

        figures |= speed(work)
    # Some parts alone are looked at; with --state, the command says which they were.
    whole = set(options.parts) == set(PARTS)
    folder = {} if whole or options.state else {"folder": work}
    told = "" if whole else f" --parts {' '.join(options.parts)}"
    path = write_results(
        "protein",
        figures,
        baselines,
        units=UNITS,
        command=f"python benchmarks/protein.py --data $PHYSGAN_DATA/protein{told}",
        seeds=seeds,
        extra={
            **extra,
            "remark": remark(extra),
            "set_seeds": options.set_seeds,
            "ablation_seeds": min(options.set_seeds, ABLATIONS),
        },
        **folder,
    )
    print(path)


def remark(extra: Figures) -> str:
    """What a reader of the figures has to know."""
    told = [
        f"{name} {fit['architecture']} {fit['epochs']} epochs in {fit['seconds']:.0f} s on "
        f"{fit['device']}, rank correlation {fit['spearman']:.2f}"
        for name, members in extra.get("oracles", {}).items()
        for fit in members
    ]
    return REMARK + (f" Their training: {'; '.join(told)}." if told else "")


def arguments() -> argparse.Namespace:
    default = os.environ.get("PHYSGAN_DATA")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(default) / "protein" if default else None)
    parser.add_argument("--work", type=Path, default=Path("runs") / "protein-benchmark")
    parser.add_argument("--run", type=Path, help="a run on GB1; default: the shipped one")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--state", action="store_true", help="keep results of some parts alone")
    parser.add_argument("--seeds", type=int, default=5, help="of requests and searches")
    parser.add_argument("--set-seeds", type=int, default=5, help="of trainings on AAV and GFP")
    parser.add_argument("--minutes", type=float, default=1.5, help="of each such training")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    if options.data is None or not options.data.exists():
        sys.exit("give --data, the folder with gb1_four_site.csv.xz, or set PHYSGAN_DATA")
    options.run = options.run or ProteinDomain().shipped_run()
    return options


if __name__ == "__main__":
    main()
