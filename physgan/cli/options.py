"""``--option KEY=VALUE``: read, and held against the function that is to take them."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, get_type_hints

from physgan.errors import InputError

WHERE = "--option"
OWN = ("train", "run", "data", "asked", "seed", "rows")
"""What ``physgan evaluate`` says by itself."""


def parse_options(settings: Sequence[str]) -> dict[str, Any]:
    """``KEY=VALUE`` texts, each value in JSON or else a text; InputError for no ``=``."""
    found: dict[str, Any] = {}
    for setting in settings:
        key, sign, text = setting.partition("=")
        if not sign:
            raise InputError(f"cannot read the option {setting!r}", fix="write KEY=VALUE")
        try:
            found[key] = json.loads(text)
        except json.JSONDecodeError:
            found[key] = text
    return found


def fitting(
    options: Mapping[str, Any], taker: Callable[..., Any] | None, own: Collection[str] = ()
) -> dict[str, Any]:
    """``options`` as keyword arguments of ``taker``, whose annotations say what they may be.

    ``own`` are keywords that the program gives itself. A ``taker`` of any keywords, or none, takes
    them unseen. Raises InputError for a name that ``taker`` does not know and for a value of
    another type.
    """
    if taker is None:
        return dict(options)
    taken = inspect.signature(taker).parameters
    if any(p.kind is p.VAR_KEYWORD for p in taken.values()):
        return dict(options)
    known = [n for n, p in taken.items() if p.kind is p.KEYWORD_ONLY and n not in own]
    found = {}
    for name, value in options.items():
        if name not in known:
            from physgan.training.options import unknown_key

            raise unknown_key(name, known, WHERE)
        found[name] = _typed(taker, name, value)
    return found


def _typed(taker: Callable[..., Any], name: str, value: Any) -> Any:
    """``value`` as the annotation of ``taker``'s argument ``name`` wants it."""
    from pydantic import TypeAdapter, ValidationError

    function: Any = inspect.unwrap(getattr(taker, "__func__", taker))
    holder = type("Holder", (), {"__annotations__": {name: function.__annotations__.get(name)}})
    try:
        adapter = TypeAdapter(get_type_hints(holder, function.__globals__)[name])
    except NameError:  # a type that is only imported for the type checker
        return value
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        said = error.errors()[0]["msg"].replace("Input", "it", 1)
        raise InputError(f"{name} = {value!r}", where=WHERE, fix=said) from error
