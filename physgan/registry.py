"""Building a module by its registered name from typed constants, with errors a user can mend."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, TypeVar

from physgan.errors import InputError

T = TypeVar("T")


def constants_of(cls: type) -> dict[str, Any]:
    """The constants of ``cls`` by name with their defaults (``inspect.Parameter.empty``: none)."""
    return {
        name: parameter.default
        for name, parameter in inspect.signature(cls).parameters.items()
        if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL)
    }


def build_from(known: Mapping[str, type[T]], kind: str, name: str, **constants: Any) -> T:
    """An instance of ``known[name]`` built with ``constants``.

    Raises InputError that lists the known names, or the known constants of ``name``.
    """
    if name not in known:
        raise InputError(f"no {kind} called {name!r}", fix=f"known: {', '.join(sorted(known))}")
    accepted = constants_of(known[name])
    unknown = sorted(set(constants) - set(accepted))
    if unknown:
        listed = ", ".join(f"{key}={value!r}" for key, value in accepted.items()) or "none"
        raise InputError(
            f"the {kind} {name!r} has no constant {', '.join(map(repr, unknown))}",
            fix=f"constants and defaults: {listed}",
        )
    return known[name](**constants)
