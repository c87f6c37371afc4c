"""From what a user asks to targets that the training data support, and to a rank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from physgan.conditions import ConditionSchema, Target, parse_target
from physgan.errors import InputError

Wishes = Mapping[str, Any] | Sequence[str | Target]


def read_targets(wishes: Wishes, schema: ConditionSchema) -> tuple[Target, ...]:
    """Targets from ``{"gap": 1.5, "heat": (0, 1), "mass": "min"}``, texts or Target objects.

    Raises InputError for what cannot be read, an unknown property or one asked for twice.
    """
    if isinstance(wishes, Mapping):
        wishes = [_text(name, value) for name, value in wishes.items()]
    targets = tuple(
        wish if isinstance(wish, Target) else parse_target(wish, schema.properties)
        for wish in wishes
    )
    names = [target.name for target in targets]
    known = [prop.name for prop in schema.properties]
    for name in names:
        if name not in known:
            raise InputError(f"no property {name!r} in this model", fix=", ".join(known))
        if names.count(name) > 1:
            raise InputError(f"the property {name!r} has two targets", fix="state one")
    return targets


def _text(name: str, value: Any) -> str:
    if isinstance(value, (tuple, list)):
        return f"{name}=" + "..".join(repr(float(part)) for part in value)
    return f"{name}={value if isinstance(value, str) else repr(float(value))}"


def supported(
    targets: Sequence[Target], schema: ConditionSchema, strict: bool
) -> tuple[list[Target], list[str]]:
    """What to condition on: a target outside the data moves to the nearest percentile.

    Returns the targets and a warning for each that moved; ``strict`` raises InputError instead.
    """
    moved: list[Target] = []
    warnings: list[str] = []
    for target in targets:
        nearest = schema.outside(target)
        if nearest is None:
            moved.append(target)
            continue
        index = [p.name for p in schema.properties].index(target.name)
        row = schema.get_buffer("quantiles")[index].cpu()
        text = (
            f"the target {target} is outside the training data, "
            f"{float(row[0]):.4g} to {float(row[-1]):.4g}"
        )
        if strict:
            raise InputError(text, fix="choose a value inside, or leave out strict")
        warnings.append(f"{text}: the generator was asked for {nearest:.4g}")
        moved.append(Target(target.name, "value", nearest, nearest))
    return moved, warnings
