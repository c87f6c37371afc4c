"""physgan datasets: the data cards of the installed domains."""

from __future__ import annotations

import typer
from rich.console import Console
from rich.table import Table

from physgan.errors import InputError

COLUMNS = ("name", "rows", "licence", "description")


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("datasets")(datasets_command)


def datasets_command() -> None:
    """List the data sets that the installed domains know."""
    from physgan.domain import available, load

    table = Table("domain", *COLUMNS)
    problems: list[str] = []
    for name in sorted(available()):
        try:
            cards = getattr(load(name), "cards", list)()
        except InputError as error:
            problems.append(str(error))
            continue
        for card in cards:
            table.add_row(name, *(str(card.get(column, "")) for column in COLUMNS))
    console = Console()
    console.print(table if table.row_count else "no data cards")
    for problem in problems:
        console.print(f"[yellow]note:[/yellow] {problem}", highlight=False)
