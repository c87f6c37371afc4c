"""physgan datasets: the data cards of the installed domains."""

from __future__ import annotations

import tomllib
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.table import Table

from physgan.errors import InputError

if TYPE_CHECKING:
    from physgan.domain import Domain

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
            cards = cards_of(load(name))
        except InputError as error:
            problems.append(str(error))
            continue
        for card in cards:
            table.add_row(name, *(str(card.get(column, "")) for column in COLUMNS))
    console = Console()
    console.print(table if table.row_count else "no data cards")
    for problem in problems:
        console.print(f"[yellow]note:[/yellow] {problem}", highlight=False)


def cards_of(domain: Domain) -> list[dict[str, Any]]:
    """What ``domain.cards()`` gives; without it, the cards (TOML) in its package's folder data."""
    if hasattr(domain, "cards"):
        return list(domain.cards())  # type: ignore[attr-defined]
    spec = find_spec(type(domain).__module__.partition(".")[0])
    folders = (spec and spec.submodule_search_locations) or ()
    files = [file for folder in folders for file in sorted(Path(folder, "data").glob("*.toml"))]
    return [tomllib.loads(file.read_text(encoding="utf-8")) for file in files]
