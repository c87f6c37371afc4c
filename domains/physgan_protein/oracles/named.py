"""An oracle by the name that a user gives on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from physgan.errors import InputError
from physgan_protein.oracles.base import SequenceOracle

KINDS = (
    "ehrlich",
    "gb1:PATH",
    "aav:PATH",
    "gfp:PATH",
    "table:FILE.csv",
    "replica:FOLDER",
    "python:package.module:function",
    "command:PROGRAM ARGUMENTS",
)


def named_oracle(name: str, **options: Any) -> SequenceOracle:
    """The oracle of ``name``, one of ``KINDS``; ``options`` go to its class.

    ``gb1``, ``aav`` and ``gfp`` are look-ups in the public tables at PATH, a file or folder;
    ``table`` in a table of one's own, with the options ``sequence`` and ``value`` for its columns;
    without ``value`` the column is that of ``property``.
    Raises InputError for a name that is none of these, or an option that the oracle has not.
    """
    kind, _, rest = name.partition(":")
    try:
        return _build(name, kind, rest, options)
    except TypeError as error:
        raise InputError(f"options of the oracle {kind!r}: {error}", where=name) from error


def _build(name: str, kind: str, rest: str, options: dict[str, Any]) -> SequenceOracle:
    if kind == "ehrlich" and not rest:
        from physgan_protein.oracles.ehrlich import Ehrlich

        return Ehrlich(**options)
    if rest and kind in ("gb1", "aav", "gfp"):
        from physgan_protein.oracles.measured import measured_landscape

        return measured_landscape(kind, Path(rest), **options)
    if rest and kind == "table":
        from physgan_protein.oracles.landscape import Landscape

        value = options.get("property", "fitness")
        return Landscape.read(Path(rest), **{"value": value, **options})
    if rest and kind == "replica":
        from physgan_protein.oracles.replica import ReplicaOracle

        return ReplicaOracle.read(Path(rest), **options)
    if rest and kind in ("python", "command"):
        from physgan_protein.oracles.callable import CallableOracle, CommandOracle

        return (CallableOracle if kind == "python" else CommandOracle)(rest, **options)
    raise InputError(f"no oracle called {name!r}", fix=f"one of {', '.join(KINDS)}")
