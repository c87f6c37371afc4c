"""``physgan doctor``: what this machine has to offer, for a bug report or before a long run."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Annotated

import typer

PACKAGES = (
    "physgan", "torch", "tensordict", "lightning-fabric", "numpy", "zuko", "safetensors",
    "pymatgen", "spglib", "e3nn", "torch-geometric", "chgnet", "matminer", "smact",
)  # fmt: skip


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


def doctor(
    folder: Annotated[Path, typer.Option(help="Where runs will be written.")] = Path("."),
) -> None:
    """Show versions, devices, threads, extras, and whether runs can be written."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    import torch
    from rich.console import Console
    from rich.table import Table

    from physgan.domain import available

    table = Table("what", "found", show_header=False)
    table.add_row("python", f"{platform.python_version()} on {platform.platform()}")
    for name in PACKAGES:
        try:
            table.add_row(name, version(name))
        except PackageNotFoundError:
            table.add_row(name, "not installed")
    devices = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        devices.append("Apple GPU")
    table.add_row("accelerators", ", ".join(devices) or "none: the CPU is used")
    table.add_row("processors", f"{os.cpu_count()}, torch uses {torch.get_num_threads()} threads")
    table.add_row("domains", ", ".join(sorted(available())) or "none")
    writable = _writable(folder)
    table.add_row("folder", f"{folder.resolve()}: {'writable' if writable else 'NOT writable'}")
    Console().print(table)
    if not writable:
        raise typer.Exit(1)


def _writable(folder: Path) -> bool:
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
