"""All heightmaps of a folder, with their classes and a reason for every file left out."""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from pathlib import Path

from physgan.errors import InputError
from physgan_terrain.heightmap import Heightmap
from physgan_terrain.io.formats import READERS
from physgan_terrain.io.raster import Nodata
from physgan_terrain.io.read import read_heightmap

LABELS = "labels.csv"
_BESIDE = {".json", ".csv", ".md", ".txt", ".xml", ".tfw", ".prj"}
_SHOWN = 5


@dataclass
class Folder:
    """What a folder held: heightmaps by id (path inside the folder), classes by id, refusals."""

    maps: list[tuple[str, Heightmap]] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    refused: list[tuple[str, str]] = field(default_factory=list)


def read_folder(
    path: Path | str,
    cell: float | None = None,
    nodata: Nodata = "refuse",
    *,
    reproject: bool = False,
    z_scale: float | None = None,
    z_offset: float | None = None,
) -> Folder:
    """Read every heightmap below ``path``, in the order of their names.

    Classes come from ``labels.csv`` (columns file, label), else from the names of the sub-folders.
    A file that cannot be read is listed in ``refused`` with the reason and the rest is read.
    Raises InputError where nothing can be read, and where two files differ in cell size.
    """
    root = Path(path)
    if not root.is_dir():
        raise InputError("there is no such folder", where=str(root))
    table = _labels(root)
    found = Folder()
    for file in sorted(root.rglob("*")):
        name = file.relative_to(root).as_posix()
        hidden = any(part.startswith(".") for part in file.relative_to(root).parts)
        if hidden or not file.is_file() or file.suffix.lower() in _BESIDE:
            continue
        label = table.get(name) if table is not None else name.rpartition("/")[0] or None
        if table is not None and label is None:
            found.refused.append((name, f"has no label in {LABELS}"))
            continue
        try:
            heightmap = read_heightmap(
                file, cell, nodata, reproject=reproject, z_scale=z_scale, z_offset=z_offset
            )
        except InputError as error:
            found.refused.append((name, f"{error.what} ({error.fix})" if error.fix else error.what))
            continue
        _check_cell(found, name, heightmap, root)
        found.maps.append((name, heightmap))
        if label is not None:
            found.labels[name] = label
    found.refused += [
        (name, f"is in {LABELS} but not in the folder")
        for name in table or ()
        if not (root / name).is_file()
    ]
    if not found.maps:
        _raise_empty(root, found)
    return found


def _check_cell(found: Folder, name: str, heightmap: Heightmap, root: Path) -> None:
    if not found.maps:
        return
    first, other = found.maps[0]
    if abs(heightmap.cell - other.cell) > 1e-3 * other.cell:
        raise InputError(
            f"mixed cell sizes: {first} has {other.cell:.6g} m, {name} has {heightmap.cell:.6g} m",
            where=str(root),
            fix=f"give reproject=True with cell={other.cell:.6g}, or one folder for each size",
        )


def _labels(root: Path) -> dict[str, str] | None:
    path = root / LABELS
    if not path.is_file():
        return None
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        if not {"file", "label"} <= set(reader.fieldnames or ()):
            found = ", ".join(reader.fieldnames or ())
            raise InputError(f"columns {found}", where=str(path), fix="file, label")
        table: dict[str, str] = {}
        for row in reader:
            name, label = (row["file"] or "").strip(), (row["label"] or "").strip()
            if not name or not label or name in table:
                what = "named twice" if name in table else "file or label is empty"
                raise InputError(what, where=f"{path}:{reader.line_num}")
            table[name] = label
    return table


def _raise_empty(root: Path, found: Folder) -> None:
    reasons = "; ".join(f"{name}: {reason}" for name, reason in found.refused[:_SHOWN])
    raise InputError(
        f"no heightmap can be read{': ' + reasons if reasons else ''}",
        where=str(root),
        fix=f"files of {', '.join(READERS)}",
    )
