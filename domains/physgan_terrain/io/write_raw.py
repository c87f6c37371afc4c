"""16-bit heights as headerless little-endian RAW (``.r16``), as game engines import them."""

from __future__ import annotations

from pathlib import Path

from physgan_terrain.io.engines import check_engine, engine_settings
from physgan_terrain.io.rows import Source, whole_number_rows
from physgan_terrain.io.sidecar import Facts, Range, describe, encode, sidecar_path
from physgan_terrain.io.whole import whole_files


def write_raw(
    path: Path, source: Source, facts: Facts | None = None, engine: str | None = None
) -> list[Path]:
    """Write uint16 little-endian rows, north first, and ``<path>.json``; return both paths.

    With ``engine`` ("unity", "unreal") the size is checked first. The sidecar holds the import
    settings of every engine that takes the size. Raises InputError for a wrong size.
    """
    rows = whole_number_rows(source)
    if engine is not None:
        check_engine(rows.shape, engine, str(path))
    side, used = sidecar_path(path), Range(rows)
    with whole_files(side, path) as (side_draft, draft):
        with draft.open("wb") as file:
            for block in rows.checked():
                used.add(block)
                file.write(block.astype("<u2").tobytes())
        about = describe(rows, used.lowest, used.highest, facts)
        about["byte_order"] = "little"
        about |= engine_settings(rows.shape, rows.cell, rows.step or 1.0, rows.offset)
        side_draft.write_bytes(encode(about))
    return [path, side]
