"""physgan translate: samples of one side of a pair as samples of the other, as native files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("translate")(translate_command)


def translate_command(
    run: Annotated[str, typer.Argument(help="A run of a pair: its folder, or its name in runs/.")],
    source: Annotated[
        Path | None,
        typer.Argument(
            help="What to translate: a folder of native files, or data of which --split is taken. "
            "Default: the run's own held-out data."
        ),
    ] = None,
    to: Annotated[str, typer.Option(help="The side to translate to: b (from a) or a.")] = "b",
    n: Annotated[
        int | None, typer.Option("--n", "-n", min=1, help="At most so many samples. Default: all.")
    ] = None,
    variants: Annotated[
        int,
        typer.Option(min=1, help="Translations of each sample, with noise of their own."),
    ] = 1,
    split: Annotated[str, typer.Option(help="Which rows of the data: val or test.")] = "val",
    seed: Annotated[int, typer.Option(help="The same seed gives the same translations.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Folder to write. Default: translations/RUN_to_SIDE."),
    ] = None,
) -> None:
    """Translate samples of one domain into the other's, with a run of the domain `pair`.

    For example: physgan train pair my_data --set domain.a=NAME --set domain.b=NAME --out runs/ab,
    then physgan translate runs/ab new_samples --to b
    """
    from rich.console import Console

    from physgan.cli.propose import find_run
    from physgan.run import Run
    from physgan.translate import PAGE, translate

    folder = find_run(run)
    opened = Run.open(folder)
    done = translate(opened, source, to=to, n=n, variants=variants, split=split, seed=seed)
    place = out or Path("translations") / f"{folder.resolve().name}_to_{to}"
    done.write(place)
    console = Console()
    sound = sum(all(t.valid.values()) for t in done.found)
    console.print(f"{len(done.found)} translated to the side {to}, {sound} of them valid")
    if done.failed:
        console.print(f"[yellow]note:[/yellow] {len(done.failed)} could not be decoded")
    console.print(f"Files, table and {PAGE}: {place}", highlight=False, soft_wrap=True)
