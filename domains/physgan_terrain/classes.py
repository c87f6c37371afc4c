"""The ten landscape classes of the ready weights, in the order of their one-hot."""

from __future__ import annotations

from collections.abc import Sequence

from physgan.vocabulary import Property

CLASSES = (
    "coast", "volcanic", "desert", "tropical_forest", "plateau",
    "highland", "alpine", "mountain", "hills", "plain",
)  # fmt: skip


def one_hot(properties: Sequence[Property]) -> slice | None:
    """Where the class stands in a condition of ``properties``, by the layout of the schema; None
    where there is none."""
    start = 0
    for prop in properties:
        if prop.classes is not None:
            return slice(start, start + len(prop.classes))
        start += 2
    return None
