"""The data that come with the package."""

from __future__ import annotations

from pathlib import Path

from physgan.errors import InputError

FOLDER = Path(__file__).parent / "data"
DEFAULTS = {
    "peptides": ("kind", "charge", "gravy", "length"),
    "ehrlich": ("fitness",),
}
"""Each set's file is called so; these properties are learned where none is named."""


def embedded(name: str) -> tuple[Path, tuple[str, ...]]:
    """File and default properties of an embedded set. Raises InputError for another name."""
    if name not in DEFAULTS:
        raise InputError(f"no embedded data {name!r}", fix=f"one of {', '.join(DEFAULTS)}")
    return FOLDER / f"{name}.csv.xz", DEFAULTS[name]
