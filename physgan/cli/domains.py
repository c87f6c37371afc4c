"""``physgan domains``: what is installed."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("domains")(domains)


def domains() -> None:
    """List the installed domains and the properties that they know."""
    from rich.console import Console
    from rich.table import Table

    from physgan.domain import available, load
    from physgan.errors import InputError

    table = Table("domain", "from", "properties")
    for name in sorted(available()):
        try:
            domain = load(name)
        except InputError as error:
            table.add_row(name, "", str(error))
            continue
        words = f"(needs {domain.needs})" if domain.needs else "those of your data"
        known = [
            f"{p.name} ({'|'.join(p.classes) if p.classes else p.unit or '1'})"
            for p in domain.properties
        ]
        table.add_row(name, type(domain).__module__, ", ".join(known) or words)
    Console().print(table)
