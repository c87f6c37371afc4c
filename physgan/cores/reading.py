"""The options of a core as a user gives them: typed, in range, and each with a part to play."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, get_type_hints

from pydantic import TypeAdapter, ValidationError

from physgan.cores.criticism import CriticOptions
from physgan.errors import InputError
from physgan.registry import none_of

Options = TypeVar("Options", bound=CriticOptions)


def read_options(kind: type[Options], title: str, given: Mapping[str, Any]) -> Options:
    """``given`` as an instance of the dataclass ``kind``, whose fields say types and ranges.

    Raises InputError that names the option for an unknown name, for a value of another type (a
    fractional count) and for one out of range.
    """
    hints = get_type_hints(kind)
    fields = kind.__dataclass_fields__
    if unknown := sorted(set(given) - set(fields)):
        raise InputError(
            f"the {title} has no option {', '.join(unknown)}", fix=f"options: {', '.join(fields)}"
        )
    try:
        return TypeAdapter(kind).validate_python(
            {n: none_of(hints[n], v) for n, v in given.items()}
        )
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(["core", *(str(part) for part in first["loc"])])
        said = first["msg"].replace("Input", "it", 1)
        raise InputError(f"{key} is {first['input']!r}", fix=said) from error


def refuse_idle(kind: type[CriticOptions], title: str, given: Mapping[str, Any]) -> None:
    """Raise InputError for what ``given`` names although it plays nothing beside the rest, and for
    parts of the game that cannot be built from it."""
    options = read_options(kind, title, given)
    options.parts()
    idle = {n: cure for n, cure in options.idle().items() if given.get(n) not in (None, "none", {})}
    if idle:
        named = ", ".join(f"core.{name} = {given[name]!r}" for name in idle)
        raise InputError(
            f"nobody plays by {named}",
            fix=f"give {' and '.join(dict.fromkeys(idle.values()))}, or leave that out",
        )


def played(
    kind: type[CriticOptions], title: str, advice: Mapping[str, Any], told: Mapping[str, Any]
) -> dict[str, Any]:
    """``advice`` without what plays nothing once ``told`` is laid over it."""
    idle = read_options(kind, title, {**advice, **told}).idle()
    return {name: value for name, value in advice.items() if name not in idle}
