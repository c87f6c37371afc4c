"""Building a module by its registered name from typed constants, with errors a user can mend."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, TypeVar, get_args, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

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

    Raises InputError that lists the known names, or the known constants of ``name``, and for a
    value that is not of the constant's type; numbers are finite unless that type allows infinity,
    and the texts null and none mean None where it allows None.
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
    hints = get_type_hints(known[name].__init__, include_extras=True)
    typed = {k: _typed(f"{k} of the {kind} {name!r}", hints[k], v) for k, v in constants.items()}
    return known[name](**typed)


def _typed(what: str, kind: Any, value: Any) -> Any:
    adapter = TypeAdapter(kind, config=ConfigDict(allow_inf_nan=False))
    try:
        return adapter.validate_python(none_of(kind, value))
    except ValidationError as error:
        raise InputError(f"{what} is {value!r}: {error.errors()[0]['msg']}") from error


def none_of(kind: Any, value: Any) -> Any:
    """``value``, or None where it is a text for that, which TOML has no word for, and the type
    ``kind`` allows it."""
    return None if value in ("null", "none") and type(None) in get_args(kind) else value
