"""The small JSON file beside a heightmap that says what its numbers mean.

``cell`` in metres; for whole numbers ``z_min`` (height of value 0) and ``z_step`` (metres per
count) or ``z_max`` (height of value 65535); for RAW also ``width``, ``height``, ``byte_order``.
Written ones add ``lowest`` and ``highest``, the range really used, and the maker's own facts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from physgan.errors import InputError
from physgan_terrain.io.rows import TOP, Rows

Facts = Mapping[str, Any] | Callable[[], Mapping[str, Any]]
"""More entries for a sidecar; a function is called after the last row, when totals are known."""


def sidecar_path(path: Path) -> Path:
    """``terrain.png`` -> ``terrain.png.json``."""
    return path.with_name(path.name + ".json")


def read_sidecar(path: Path) -> dict[str, Any]:
    """The sidecar of ``path`` (``name.ext.json``, else ``name.json``); empty without one.

    Raises InputError where it is not a JSON object or a number in it is not one.
    """
    found = [p for p in (sidecar_path(path), path.with_suffix(".json")) if p.is_file()]
    if not found:
        return {}
    try:
        facts = json.loads(found[0].read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"not readable as JSON: {error}", where=str(found[0])) from error
    if not isinstance(facts, dict):
        raise InputError("a sidecar is a JSON object", where=str(found[0]))
    for name in ("cell", "z_min", "z_max", "z_step", "width", "height"):
        value = facts.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise InputError(f"{name} is {value!r}", where=str(found[0]), fix="a number")
    return facts


def scale_of(
    facts: Mapping[str, Any], z_scale: float | None, z_offset: float | None, path: Path
) -> tuple[float, float]:
    """(metres per count, height of value 0) of a 16-bit file; options go before the sidecar.

    Raises InputError where neither says it, or where ``z_step`` and ``z_max`` disagree.
    """
    low = float(facts.get("z_min", 0.0)) if z_offset is None else float(z_offset)
    if z_scale is not None:
        step = float(z_scale)
    elif "z_step" in facts:
        step = float(facts["z_step"])
        if "z_max" in facts and "z_min" in facts:
            top = facts["z_min"] + TOP * step
            if abs(top - facts["z_max"]) > 1e-3 + step / 2:
                raise InputError(
                    f"z_max {facts['z_max']} is not z_min + 65535 z_step = {top:.6g}",
                    where=str(sidecar_path(path)),
                    fix="give only one of z_step and z_max",
                )
    elif "z_max" in facts and "z_min" in facts:
        step = (facts["z_max"] - facts["z_min"]) / TOP
    else:
        raise InputError(
            "16-bit values without a scale: nothing says how many metres a count is",
            where=str(path),
            fix=f"write {sidecar_path(path).name} with z_min and z_step or z_max, or give "
            "z_scale and z_offset",
        )
    if not step > 0:
        raise InputError(f"a count is {step} m", where=str(path), fix="above 0")
    return step, low


def cell_of(facts: Mapping[str, Any], cell: float | None, path: Path) -> float:
    """Cell size in metres from the option or the sidecar. Raises InputError without either."""
    found = cell if cell is not None else facts.get("cell")
    if found is None:
        raise InputError(
            "no cell size: nothing says how many metres a cell is",
            where=str(path),
            fix=f"give the cell size, or write {sidecar_path(path).name} with cell in metres",
        )
    return float(found)


class Range:
    """The lowest and highest height of the whole-number blocks seen so far."""

    def __init__(self, rows: Rows) -> None:
        self._step, self._offset = rows.step or 1.0, rows.offset
        self._low, self._high = 65535, 0

    def add(self, block: NDArray) -> None:
        """Take one more uint16 block into account."""
        if block.size:
            self._low = min(self._low, int(block.min()))
            self._high = max(self._high, int(block.max()))

    @property
    def lowest(self) -> float:
        """In metres."""
        return self._offset + self._step * self._low

    @property
    def highest(self) -> float:
        """In metres."""
        return self._offset + self._step * self._high


def describe(rows: Rows, lowest: float, highest: float, facts: Facts | None) -> dict[str, Any]:
    """The sidecar of ``rows``, whose heights went from ``lowest`` to ``highest`` metres."""
    height, width = rows.shape
    about: dict[str, Any] = {
        "width": width, "height": height, "cell": rows.cell, "row_order": "north first",
        "lowest": lowest, "highest": highest,
    }  # fmt: skip
    if rows.step is not None:
        top = rows.offset + TOP * rows.step
        about |= {"z_min": rows.offset, "z_step": rows.step, "z_max": top}
        about["z"] = "z_min + z_step * value, metres"
    if rows.crs is not None:
        about["crs"] = rows.crs
    if rows.origin is not None:
        about["origin"] = list(rows.origin)
    return about | dict(facts() if callable(facts) else facts or {})


def encode(about: Mapping[str, Any]) -> bytes:
    """A sidecar's bytes."""
    return (json.dumps(about, indent=2, ensure_ascii=False) + "\n").encode()
