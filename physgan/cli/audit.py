"""physgan audit: how a run is fooled, what it leaves out, and what to change."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("audit")(audit_command)


def audit_command(
    run: Annotated[str, typer.Argument(help="A run's folder, or its name in runs/.")],
    data: Annotated[
        Path | None,
        typer.Option(help="Data with a val split to compare with. Default: the run's own."),
    ] = None,
    n: Annotated[int, typer.Option("--n", "-n", min=16, help="Samples and rows compared.")] = 512,
    eps: Annotated[
        float, typer.Option(min=0, help="Size of attacks, in deviations of the data.")
    ] = 0.05,
    leaf: Annotated[
        list[str] | None,
        typer.Option(
            help="Leaf of a sample that attacks may change, such as height; a.NAME or b.NAME of a "
            "run that translates. Repeatable; default: every floating leaf."
        ),
    ] = None,
    k: Annotated[int, typer.Option(min=1, help="Neighbours that make a ball (coverage).")] = 5,
    latents: Annotated[
        int,
        typer.Option(min=0, help="Fixed latents drawn with the weights kept over the training."),
    ] = 6,
    target: Annotated[
        str | None,
        typer.Option(
            "--target",
            "-t",
            help="What designs aim at when the predictor is audited, such as NAME=max. Default: "
            "the first predicted property, as high as it goes.",
        ),
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option(help="Oracle to ask beside the predictor: a name, or 'default'."),
    ] = None,
    repair: Annotated[
        bool,
        typer.Option("--repair", help="Fit the predictor again beside what fools it, and keep it."),
    ] = False,
    seed: Annotated[int, typer.Option(help="Seed of samples and of the rows chosen.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder for audit.json and audit.html. Default: the run's.")
    ] = None,
) -> None:
    """Attack critic and predictor, see whether the score is earned; print a verdict.

    For runs that generate or translate. A surrogate (stepper-gan) draws nothing without a state to
    go on from and is refused: physgan rollout judges it.
    """
    from physgan.audit import audit
    from physgan.audit.page import audit_page, audit_table
    from physgan.cli.propose import find_run
    from physgan.run import Run
    from physgan.training.files import disk_errors, write_atomic

    folder = find_run(run)
    opened = Run.open(folder)
    found = audit(
        opened, data, n=n, eps=eps, leaves=leaf or (), k=k, seed=seed, latents=latents,
        target=target, judge=judge, repair=repair,
    )  # fmt: skip
    place = out or folder
    with disk_errors(place):
        place.mkdir(parents=True, exist_ok=True)
    write_atomic(place / "audit.json", (json.dumps(found.to_dict(), indent=1) + "\n").encode())
    write_atomic(place / "audit.html", audit_page(found, opened.domain).encode())
    console = Console()
    console.print(audit_table(found))
    for note in found.notes:
        console.print(f"[yellow]note:[/yellow] {note}", highlight=False)
    for finding in found.findings:
        mark = "[green]good[/green]" if finding.good else "[red]to mend[/red]"
        change = f" What to change: {finding.change}." if finding.change else ""
        console.print(f"{mark}: {finding.text}{change}", highlight=False)
    console.print(f"Figures and page: {place}", highlight=False, soft_wrap=True)
