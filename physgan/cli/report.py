"""physgan report: the page of a training run."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("report")(report_command)


def report_command(
    run: Annotated[str, typer.Argument(help="A run's folder, or its name in runs/.")],
) -> None:
    """Write RUN/report.html: curves, configuration, card."""
    from physgan.cli.propose import find_run
    from physgan.report import training_page
    from physgan.training.files import write_atomic

    folder = find_run(run)
    path = folder / "report.html"
    write_atomic(path, training_page(folder).encode())
    Console().print(str(path), highlight=False, soft_wrap=True)
