"""``physgan rollout``: from an initial state to a trajectory, with its laws watched."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Annotated, Any

import typer

LINE_EVERY = 10.0
"""Seconds between lines where there is no terminal to show a bar."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("rollout")(rollout_command)


def rollout_command(
    domain: Annotated[str, typer.Argument(help="The domain, see `physgan domains`.")],
    run: Annotated[
        list[str] | None,
        typer.Option(
            help="A run's folder, or its name in runs/; repeated, an ensemble of runs. Default: "
            "the ready weights."
        ),
    ] = None,
    initial: Annotated[
        Path | None, typer.Option(help="File of the initial state. Default: one made by --seed.")
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(min=1, help="Stop after so many passes; 20 where no other end is given."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(help="NAME=VALUE: stop when the watched quantity NAME reaches VALUE."),
    ] = None,
    duration: Annotated[
        float | None, typer.Option(min=0, help="Stop after so much simulated time.")
    ] = None,
    given: Annotated[
        list[str] | None,
        typer.Option(
            "--given", "-g", help="NAME=VALUE of a coefficient or the step length; repeatable."
        ),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option", help="KEY=VALUE, in JSON, for the initial state that --seed makes."
        ),
    ] = None,
    ensemble: Annotated[
        int | None,
        typer.Option(min=1, help="Members, whose spread makes the bands; default one a run."),
    ] = None,
    calibrate: Annotated[
        bool,
        typer.Option(
            "--calibrate",
            help="First scale the bands on held-out sequences, so that 90 % bands cover 90 %.",
        ),
    ] = False,
    data: Annotated[
        Path | None,
        typer.Option(help="Data whose validation split --calibrate takes; default the run's own."),
    ] = None,
    bound: Annotated[
        float,
        typer.Option(
            min=0,
            help="A rollout is trusted until a band's half width is such a share of its mean.",
        ),
    ] = 0.2,
    force: Annotated[
        bool, typer.Option("--force", help="Go on when a law breaks its tolerance.")
    ] = False,
    every: Annotated[int, typer.Option(min=1, help="Keep one state in so many.")] = 1,
    film: Annotated[bool, typer.Option("--film/--no-film", help="Write a film.")] = True,
    seed: Annotated[int, typer.Option(help="Of the initial state and the noise.")] = 0,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder of the answer, by default in rollouts/."),
    ] = None,
) -> None:
    """Simulate with a surrogate from an initial state; laws are checked after each pass.

    For example: physgan rollout DOMAIN --given step=0.2 --steps 50 --ensemble 8. Exit code 1 where
    a law broke its tolerance; what was made until then is kept.
    """
    from rich.console import Console

    from physgan.cli.options import fitting, parse_options
    from physgan.errors import InputError
    from physgan.files import replace_folder
    from physgan.surrogate import rollout as machine
    from physgan.surrogate import storage, trust
    from physgan.training.files import disk_errors

    console = Console(stderr=True)
    place = out or Path("rollouts") / f"{domain}-seed{seed}"
    if place.exists() and any(place.iterdir()) and not (place / storage.SUMMARY).exists():
        raise InputError("this folder holds something else", where=str(place), fix="name another")
    runs = open_runs(domain, run or [None], device)
    first = runs[0]
    wanted = fitting(parse_options(option or []), first.domain.begin)
    start = first.domain.begin(initial, 1, seed, **wanted)
    y = machine.asked(given or [], first.schema, 1)
    for warning in machine.beyond(given or [], first.schema):
        console.print(f"[yellow]note:[/yellow] {warning}", highlight=False)
    cores = [r.core for r in runs]
    calibration = trust.Calibration.read(first.folder) if len(runs) == 1 else None
    members = ensemble or len(runs)
    if calibrate:
        console.print("calibrating on held-out sequences", highlight=False)
        truths = held_out(domain, first, data)
        calibration = trust.calibrate(cores, first.domain, truths, members=max(members, 4))
        if len(runs) == 1 and os.access(first.folder, os.W_OK):
            calibration.write(first.folder)
    if steps is None and until is None and duration is None:
        steps = 20
    began = time.monotonic()
    with progress(console, steps) as tell:
        made = trust.ensemble(
            cores, first.domain, start.to(device), {n: v.to(device) for n, v in y.items()}, members,
            steps=steps, until=None if until is None else machine.Until.parse(until),
            duration=duration, force=force, seed=seed, every=every, tell=tell,
        )  # fmt: skip
    seconds = time.monotonic() - began
    found = trust.bands(made)
    trusted = trust.horizon(found, made, calibration, bound=bound)
    facts = {
        "domain": domain, "runs": [str(r.folder) for r in runs], "seed": seed, "given": given or [],
        "members": members, "seconds": seconds,
        "initial": None if initial is None else str(initial),
    }  # fmt: skip
    with disk_errors(place), replace_folder(place) as draft:
        storage.write_rollout(
            draft, first.domain, made, found, trusted, calibration, facts, film=film
        )
    _report(Console(), made, found, trusted, seconds, place, first.domain.time_unit)
    if any(t.ended == "interrupted" for t in made):
        raise typer.Exit(130)
    if any(t.ended in ("law", "not finite") for t in made):
        raise typer.Exit(1)


def open_runs(domain: str, names: list[Any], device: str) -> list[Any]:
    """The runs of a surrogate of ``domain``; InputError where one is of another kind."""
    from physgan.cli.propose import open_run
    from physgan.errors import InputError
    from physgan.sequences import SequenceDomain

    found = []
    for name in names:
        run = open_run(domain, name)
        if not isinstance(run.domain, SequenceDomain) or not hasattr(run.core, "advance"):
            raise InputError(f"the domain {domain!r} has no sequences to go on with")
        run.core.to(device)
        run.schema.to(device)
        found.append(run)
    return found


def held_out(domain: str, run: Any, data: Path | None, n: int = 16) -> Any:
    """``n`` held-out sequences of the data that ``run`` was trained on, or of those at ``data``."""
    from physgan.domain import load

    # A fresh instance: reading data fits a domain, and the run's own must stay as it was.
    fresh: Any = load(domain, **run.config.domain_options)
    path = data or (Path(run.config.data) if run.config.data else None)
    fresh.load(path, "train", run.config.properties)
    return fresh.truths(path, "val", n)


def progress(console: Any, steps: int | None) -> Any:
    """A context whose value hears of each pass and shows it."""
    from contextlib import contextmanager

    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    @contextmanager
    def shown() -> Any:
        columns = (
            TextColumn("pass {task.completed:.0f}"), BarColumn(bar_width=24), TimeElapsedColumn(),
            TextColumn("{task.fields[text]}"),
        )  # fmt: skip
        with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
            task = bar.add_task("rollout", total=steps, text="")
            told = time.monotonic()

            def tell(number: int, watched: Any) -> None:
                nonlocal told
                text = "  ".join(
                    f"{name} {float(w.value.double().mean()):.4g}" for name, w in watched.items()
                )
                bar.update(task, completed=number, text=text)
                if not console.is_terminal and time.monotonic() - told >= LINE_EVERY:
                    told = time.monotonic()
                    console.print(f"pass {number}  {text}", highlight=False, soft_wrap=True)

            yield tell

    return shown()


def _report(
    console: Any, made: Any, found: Any, trusted: Any, seconds: float, place: Path, unit: str
) -> None:
    import math

    passes, times = made[0].passes, next(iter(found.values())).times
    console.print(
        f"{passes} passes, time {times[-1]:.4g} {unit}".rstrip() + f", in {seconds:.1f} s",
        highlight=False,
    )
    for name, band in found.items():
        wide = f" +- {band.spread[-1]:.2g}" if band.spread.any() else ""
        own = made[0].watched[name].unit
        console.print(
            f"  {name}: {band.mean[0]:.4g} -> {band.mean[-1]:.4g}{wide} {own}", highlight=False
        )
    for message in dict.fromkeys(t.message for t in made if t.message):
        console.print(f"[yellow]note:[/yellow] {message}", highlight=False)
    if math.isfinite(trusted.time):
        console.print(
            f"[yellow]note:[/yellow] not to be trusted beyond time {trusted.time:.4g}: "
            f"{trusted.reason}",
            highlight=False,
        )
    console.print(f"States, figures, plot and film: {place}", highlight=False, soft_wrap=True)
