"""Foams: the README's tables, the reference solver first, rollouts against it, speed last.

    python benchmarks/foam.py

Takes the ready weights, or --run. It needs about forty minutes of two cores: foams of 1000 bubbles
on 256 x 256 pixels that coarsen to 130, from seeds that training never sees; times are taken on
--threads, which the solvers, being serial, cannot share, and on one. Each part is kept in --work,
so an interrupted benchmark goes on where it was. Side numbers are held against the table in
PHYSGAN_DATA/foam; without it that row is left out. Two more rows need runs that are trained for
them, as long as ours on the same data: --unet, a U-Net on phases (--set core.network.kind=unet),
and --critics, ours with critics of states and pairs (--set core.adversarial=0.05).
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch

from common import write_results
from foam_solver import BUBBLES, UNTIL, laws_kept, side_numbers, summary, tag
from foam_speed import COARSE, COARSE_GRID, GRID, MANY, OURS, TRACKED, timed
from foam_surrogate import (
    horizons,
    persistence,
    phase_field,
    pixels,
    rolled,
    solved,
    without_pressures,
    worst,
)
from physgan.run import Run
from physgan_foam.domain import STEP, FoamDomain
from physgan_foam.solver.phase_field import Options
from physgan_foam.validation.scaling import reference
from runs import kept, train_minutes

BETAS = (1.0, 0.1)
SEEDS = tuple(range(9, 100, 10))
"""What distributions and counts are pooled over; horizons and times are of the first."""
STEPS = (0.2, 0.4)
"""Mean areas of a pass: one is stated, and rows tell what the other would give."""
FREE, UNET, CRITICS = "ours, no pressures", "U-Net on phases", "ours, trained against critics"
UNITS = {
    "solver_von_neumann_slope_error": "%", "solver_von_neumann_r2": "1",
    "solver_identity_error_beta1": "%", "solver_identity_error_beta01": "%",
    "solver_area_error": "1", "solver_mean_sides_error": "sides", "solver_angle_deviation": "deg",
    "solver_laplace_r2_beta01": "1", "solver_pn_l1": "1", "solver_bubbles_counted": "bubbles",
    "solver_seconds_beta1": "s", "solver_seconds_beta01": "s", "surrogate_seconds_beta1": "s",
    "surrogate_seconds_beta01": "s", "speedup_phase_field": "1",
    "speedup_front_tracking_beta1": "1", "speedup_front_tracking_beta01": "1",
    "break_even_phase_field": "runs", "break_even_front_tracking_beta1": "runs",
    "break_even_front_tracking_beta01": "runs", "area_error_max": "1",
    "surrogate_von_neumann_slope_error": "%", "surrogate_von_neumann_r2": "1",
    "surrogate_mean_sides": "sides", "mu2_error": "1", "ks_area": "1", "bubble_count_error": "%",
    "bubble_count_error_each": "%",
    "speedup_batch_front_tracking_beta1": "1", "speedup_batch_front_tracking_beta01": "1",
    "speedup_front_tracking_beta1_one_thread": "1",
    "speedup_front_tracking_beta01_one_thread": "1", "stable_horizons": "training windows",
    "torn": "1", "train_minutes": "min",
}  # fmt: skip


def main() -> None:
    options = arguments()
    torch.set_num_threads(options.threads)
    work, run = options.work, Run.open(options.run)
    laws = {beta: kept(work / f"laws-{tag(beta)}.json", lambda b=beta: laws_kept(b))
            for beta in BETAS}  # fmt: skip
    counts = kept(work / "side-numbers.json", side_numbers) if reference(1.0) else {}
    rows, by_beta = accuracy(options, run)
    speed = speeds(options, run, options.threads, grids=True)
    alone = speeds(options, run, 1, grids=False)
    ours = rows.pop("ours")
    figures = {
        **summary(laws, counts),
        **ours,
        **ratios(speed),
        **one_thread(ratios(alone)),
        "train_minutes": train_minutes(run.folder),
    }
    path = write_results(
        "foam",
        figures,
        rows,
        units=UNITS,
        command=command(options),
        seeds=SEEDS,
        extra={
            "by_beta": by_beta,
            "speed": speed,
            "speed_one_thread": alone,
            "remark": remark(options, counts),
        },
        **({} if options.results is None else {"folder": options.results}),
    )
    print(path)


def command(options: argparse.Namespace) -> str:
    """The command with what the figures depend on."""
    told = [f"--{name} RUN" for name in ("unet", "critics") if getattr(options, name)]
    if options.data_minutes:
        told.append(f"--data-minutes {options.data_minutes:g}")
    return " ".join(["python benchmarks/foam.py", *told])


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, default=FoamDomain().shipped_run())
    parser.add_argument("--unet", type=Path, help="a trained run of the U-Net on phases")
    parser.add_argument("--critics", type=Path, help="a run trained against critics")
    parser.add_argument("--work", type=Path, default=Path("runs") / "foam-benchmark")
    parser.add_argument(
        "--step", type=float, default=STEP, choices=STEPS, help="mean areas of a pass"
    )
    parser.add_argument(
        "--grid-until", type=int, default=500, help="bubbles; the phase field's end"
    )
    parser.add_argument("--repeats", type=int, default=2, help="of each timing")
    parser.add_argument("--data-minutes", type=float, default=0.0, help="that training data took")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--results", type=Path, help="folder of foam.json; default: this one's")
    return parser.parse_args()


def accuracy(
    options: argparse.Namespace, run: Run
) -> tuple[dict[str, dict[str, float]], dict[str, Any]]:
    """The worst over the betas of each row's figures, and the figures at each beta."""
    work, step = options.work, options.step
    other = next(length for length in STEPS if length != step)
    contenders = {
        "ours": (run, step),
        f"ours, passes of {other:g} mean areas": (run, other),
        FREE: (without_pressures(options.run), step),
    }
    for name, folder in {UNET: options.unet, CRITICS: options.critics}.items():
        if folder is not None:
            contenders[name] = (Run.open(folder), step)
    found: dict[str, dict[float, dict[str, float]]] = {}
    for beta in BETAS:
        references = solved(SEEDS, beta, work / "runs")

        def row(name: str, compute: Any, b: float = beta) -> None:
            file = work / f"{name.replace(' ', '-').replace(',', '')}-{step:g}-{tag(b)}.json"
            found.setdefault(name, {})[b] = kept(file, compute)

        for name, (model, length) in contenders.items():
            row(name, lambda m=model, s=length, r=references, b=beta: rolled(m, r, b, s))
        row(f"{TRACKED}, other seeds", lambda r=references: pixels(r))
        row("persistence", lambda r=references: persistence(r))
        if beta == 1:
            for name, grid in ((GRID, Options()), (COARSE, COARSE_GRID)):
                row(name, lambda r=references, g=grid: phase_field(
                    r, SEEDS[0], options.grid_until, g))  # fmt: skip
        file = work / f"horizons-{tag(beta)}.json"
        found["ours"][beta] |= kept(file, lambda b=beta: horizons(run, b, SEEDS[0]))
    by_beta = {name: {tag(b): row for b, row in each.items()} for name, each in found.items()}
    rows = {name: worst(each) for name, each in found.items()}
    return rows | {f"ours, beta {b:g} alone": worst({b: found["ours"][b]}) for b in BETAS}, by_beta


def speeds(options: argparse.Namespace, run: Run, threads: int, *, grids: bool) -> dict[str, Any]:
    """Comparisons with front tracking at each beta and, with ``grids``, with the phase field on
    part of a run."""
    torch.set_num_threads(threads)
    cost = 60 * (train_minutes(run.folder) + options.data_minutes)
    plan = {f"front_tracking_{tag(beta)}": (beta, UNTIL, options.repeats, False) for beta in BETAS}
    if grids:
        plan["phase_field"] = (1.0, options.grid_until, 1, True)
    return {
        name: kept(
            options.work / f"speed-{name}-{options.step:g}-{threads}.json",
            lambda b=beta, u=until, n=repeats, g=slow: timed(
                run, b, step=options.step, seed=SEEDS[0], until=u, repeats=n,
                training_seconds=cost, grids=g, many=0 if g or threads == 1 else MANY,
            ),
        )
        for name, (beta, until, repeats, slow) in plan.items()
    }  # fmt: skip


def ratios(speed: dict[str, Any]) -> dict[str, Any]:
    """Speed-ups with what they cost, and seconds of both sides."""
    figures: dict[str, Any] = {}
    for name, found in speed.items():
        ours = found["rows"][OURS]
        figures[f"speedup_{name}"] = ours["ratio"]
        figures[f"break_even_{name}"] = ours["break_even"]
        if ours["batch_ratio"] is not None:
            figures[f"speedup_batch_{name}"] = ours["batch_ratio"]
        if found["to"] <= UNTIL:
            end = tag(found["beta"])
            figures[f"solver_seconds_{end}"] = found["rows"][TRACKED]["single"]["seconds"]
            figures[f"surrogate_seconds_{end}"] = ours["single"]["seconds"]
    return figures


def one_thread(found: dict[str, Any]) -> dict[str, float]:
    """The speed-ups of ``ratios``, named as those of one thread."""
    return {f"{k}_one_thread": v for k, v in found.items() if k.startswith("speedup_")}


def remark(options: argparse.Namespace, counts: dict[str, float]) -> str:
    """What a reader of the figures has to know."""
    told = [
        f"From {BUBBLES} to {UNTIL} bubbles in passes of {options.step:g} mean areas; where there "
        "is a figure at both betas, the worse.",
        f"Figures are of {len(SEEDS)} seeds together: bubbles are counted over all runs at each "
        "time, and of the solver one half of the seeds is held against the other. Times are of "
        f"seed {SEEDS[0]}, one sequence on {options.threads} threads, of which the solvers, being "
        f"serial, use one; {MANY} sequences at a time go one a thread on both sides, the solver's "
        "each in a process. The phase field, whose bubbles must be several interfaces wide, "
        f"is two pixels per px; it was run and timed to {options.grid_until} bubbles, and we "
        "beside it.",
        "Break-even counts the training"
        + (" and its data." if options.data_minutes else " without its data."),
    ]
    if not counts:
        told.append("Without PHYSGAN_DATA side numbers were not held against their table.")
    for name, folder in {UNET: options.unet, CRITICS: options.critics}.items():
        if folder is None:
            told.append(f"No run was given for the row {name!r}.")
        else:
            minutes = train_minutes(folder)
            told.append(f"{name}: trained {minutes:.1f} minutes.")
    return " ".join(told)


if __name__ == "__main__":
    main()
