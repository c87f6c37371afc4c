"""physgan cite: BibTeX of the methods that a run used."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("cite")(cite_command)


def cite_command(
    run: Annotated[str, typer.Argument(help="A run's folder, or its name in runs/.")],
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="A .bib file to write instead of printing.")
    ] = None,
) -> None:
    """Print BibTeX of the objective, the regulariser, the core and all else that a run used."""
    from physgan.citations import cite
    from physgan.cli.propose import find_run
    from physgan.run import Run
    from physgan.training.files import write_atomic

    found = cite(Run.open(find_run(run)))
    text = "\n\n".join(found.values()) + "\n"
    if out is None:
        typer.echo(text, nl=False)
        return
    write_atomic(out, text.encode())
    typer.echo(f"{len(found)} entries: {out}")
