"""Training tiles cut from regional rasters by an index table."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from physgan.errors import InputError
from physgan_terrain.heightmap import Heightmap
from physgan_terrain.io.formats import read_geotiff
from physgan_terrain.io.raster import place

_NEEDED = ("region", "row", "col")


@dataclass(frozen=True, eq=False)
class Tiles:
    """Tiles ``z (N, size, size)`` float32 in metres on cells of ``cell`` metres, in index order.

    ``label`` (N,), ``region`` (N,) and ``split`` (N,) are texts, empty where the index has no such
    column; ``columns`` holds the numeric ones (N,) asked for, NaN where empty.
    """

    z: NDArray[np.float32]
    cell: float
    label: NDArray[np.str_]
    region: NDArray[np.str_]
    split: NDArray[np.str_]
    columns: dict[str, NDArray[np.float64]]


def read_tiles(
    index: Path | str,
    split: str | None = None,
    columns: Sequence[str] = (),
    *,
    size: int = 64,
    folder: str = "regions",
    z_scale: float | None = None,
    z_offset: float | None = None,
) -> Tiles:
    """Cut the tiles that ``index`` (CSV) names out of ``<folder>/<region>.tif`` beside it.

    The index has columns ``region``, ``row`` and ``col`` (top-left cell), and may have ``label``
    and ``split``; ``split`` keeps the rows of one. Heights follow the rasters' scale and offset
    tags, or ``z_scale`` and ``z_offset`` where given. Each raster is read once.
    Raises InputError with the line for a tile outside its raster, over a hole, or a bad number; for
    rasters of different cell sizes; where no row is left.
    """
    path = Path(index)
    lines, rows = _index(path, split, columns)
    entries = list(zip(lines, rows, strict=True))
    corners = np.array(
        [[_whole(row, name, line, path) for name in ("row", "col")] for line, row in entries]
    )
    numbers = {
        name: np.array([_number(row, name, line, path) for line, row in entries])
        for name in columns
    }
    regions = np.array([row["region"] for row in rows])
    z = np.empty((len(rows), size, size), dtype=np.float32)
    cells: dict[str, float] = {}
    for region in dict.fromkeys(regions.tolist()):
        heightmap = _raster(path.parent / folder / f"{region}.tif", path, z_scale, z_offset)
        cells[region] = heightmap.cell
        mine = np.flatnonzero(regions == region)
        tiles, bad = _cut(heightmap, corners[mine], size)
        if bad is not None:
            raise InputError(
                f"the tile leaves {region} ({heightmap.shape}) or has cells without height",
                where=f"{path}:{lines[mine[bad]]}",
            )
        z[mine] = tiles
    texts = {n: np.array([row.get(n) or "" for row in rows]) for n in ("label", "region", "split")}
    return Tiles(z=z, cell=_one_cell(cells, path), columns=numbers, **texts)


def _raster(file: Path, index: Path, z_scale: float | None, z_offset: float | None) -> Heightmap:
    if not file.is_file():
        raise InputError("there is no such file", where=str(file), fix=f"it is named in {index}")
    return place(read_geotiff(file, None, (z_scale, z_offset)), None, file)


def _cut(
    heightmap: Heightmap, corners: NDArray[np.int64], size: int
) -> tuple[NDArray[np.float32], int | None]:
    """The tiles (n, size, size), and which of them is the first that cannot be used."""
    last = np.array(heightmap.shape) - size
    outside = ((corners < 0) | (corners > last)).any(axis=1)
    if outside.any():
        return np.empty((0, size, size), dtype=np.float32), int(outside.argmax())
    tiles = sliding_window_view(heightmap.z, (size, size))[corners[:, 0], corners[:, 1]]
    hole = np.isnan(tiles).any(axis=(1, 2))
    return tiles, int(hole.argmax()) if hole.any() else None


def _one_cell(cells: dict[str, float], path: Path) -> float:
    (first, cell), *rest = cells.items()
    for region, other in rest:
        if abs(other - cell) > 1e-3 * cell:
            raise InputError(
                f"mixed cell sizes: {first} has {cell:.6g} m, {region} has {other:.6g} m",
                where=str(path),
                fix="one index for each size",
            )
    return cell


def _index(
    path: Path, split: str | None, columns: Sequence[str]
) -> tuple[list[int], list[dict[str, str]]]:
    """Line numbers and rows of the index, those of ``split`` only."""
    if not path.is_file():
        raise InputError("there is no such file", where=str(path))
    needed = [*_NEEDED, *columns, *(("split",) if split is not None else ())]
    lines: list[int] = []
    rows: list[dict[str, str]] = []
    splits: set[str] = set()
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        missing = [name for name in needed if name not in (reader.fieldnames or ())]
        if missing:
            raise InputError(
                f"no column {', '.join(missing)}",
                where=str(path),
                fix=f"its columns: {', '.join(reader.fieldnames or ())}",
            )
        for row in reader:
            splits.add(row.get("split") or "")
            if split is None or row["split"] == split:
                lines.append(reader.line_num)
                rows.append(row)
    if not rows:
        found = ", ".join(sorted(splits)) or "none"
        raise InputError(f"no rows of split {split!r}", where=str(path), fix=f"it has {found}")
    return lines, rows


def _whole(row: dict[str, str], name: str, line: int, path: Path) -> int:
    try:
        return int(row[name])
    except (TypeError, ValueError):
        raise InputError(
            f"{name} is {row[name]!r}", where=f"{path}:{line}", fix="a whole number"
        ) from None


def _number(row: dict[str, str], name: str, line: int, path: Path) -> float:
    """NaN for an empty field: a value that could not be measured on that tile."""
    text = (row[name] or "").strip()
    try:
        return float(text) if text else float("nan")
    except ValueError:
        raise InputError(
            f"{name} is {text!r}", where=f"{path}:{line}", fix="a number or nothing"
        ) from None
