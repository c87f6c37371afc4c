"""Crystals with properties from CSV, folders, pymatgen JSON and packed arrays."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from physgan.errors import InputError
from physgan_crystal.io.packed import load_npz, unpack
from physgan_crystal.io.parse import parse_all
from physgan_crystal.io.sources import Rows, read_csv, read_folder, read_frames, read_json
from physgan_crystal.io.split import find_split, hash_split
from physgan_crystal.io.table import Refused, Table, check, number

_ARRAYS = {"num_atoms", "atomic_numbers", "frac_coords", "lengths", "angles", "cells"}
_SHOWN = 5


def read_split(
    path: Path,
    split: str,
    properties: Sequence[str] = (),
    on_bad: Literal["skip", "refuse"] = "skip",
    cif_column: str = "cif",
) -> Table:
    """The rows of ``split`` (train, val, test) of the data at ``path``.

    A directory may hold one file per split; anything else is divided by a hash of the ids.
    Raises InputError as ``read_table`` does, and where the split is empty.
    """
    place = find_split(path, split)
    if place is not None:
        return read_table(place, properties, on_bad, cif_column)
    table = read_table(path, properties, on_bad, cif_column)
    rows = hash_split(table.ids, split)
    if not len(rows):
        raise InputError(f"none of the {len(table)} rows falls into {split}", where=str(path))
    return table.take(rows)


def read_table(
    path: Path,
    properties: Sequence[str] = (),
    on_bad: Literal["skip", "refuse"] = "skip",
    cif_column: str = "cif",
) -> Table:
    """Structures and ``properties`` (NaN where a cell is empty) from a file or folder.

    CSV (also .gz, .xz) with a column of CIF texts; a folder of CIF, POSCAR and extxyz files with
    an optional ``properties.csv`` whose column ``file`` or ``id`` names them; JSON list of
    pymatgen structures or of {structure, properties, id}; packed ``.npz``. Bad rows are listed in
    ``refused``; with ``on_bad`` = "refuse" they raise InputError. Raises InputError too for a
    missing file, column or property, and when no row is left.
    """
    path = Path(path)
    if not path.exists():
        raise InputError("no such file or folder", where=str(path))
    name = path.name.lower()
    if path.is_dir():
        rows = read_folder(path)
    elif name.endswith(".npz"):
        rows = _read_npz(path)
    elif name.endswith((".csv", ".csv.gz", ".csv.xz", ".csv.bz2")):
        rows = read_csv(path, cif_column)
    elif name.endswith((".json", ".json.gz")):
        rows = read_json(path)
    elif name.endswith((".extxyz", ".xyz")):
        rows = read_frames(path)
    else:
        raise InputError(
            "cannot tell the format", where=str(path), fix="csv, json, npz, extxyz or a folder"
        )
    missing = [wanted for wanted in properties if wanted not in rows.columns]
    if missing:
        known = ", ".join(map(str, rows.columns)) or "none"
        raise InputError(
            f"no property column {', '.join(missing)}", where=str(path), fix=f"there are: {known}"
        )
    return _assemble(rows, list(properties), on_bad, path)


def _assemble(
    rows: Rows, properties: list[str], on_bad: Literal["skip", "refuse"], path: Path
) -> Table:
    texts = [source for source in rows.sources if isinstance(source, str)]
    parsed = iter(parse_all(texts))
    structures, ids, refused = [], [], []
    y: dict[str, list[float]] = {name: [] for name in properties}
    for index, source in enumerate(rows.sources):
        try:
            result = next(parsed) if isinstance(source, str) else source
            if isinstance(result, str | Refused):
                raise Refused(str(result))
            structure = check(result)
            values = [number(rows.columns[name][index], name) for name in properties]
        except Refused as error:
            refused.append((rows.where[index], str(error)))
            continue
        structures.append(structure)
        ids.append(rows.ids[index])
        for name, value in zip(properties, values, strict=True):
            y[name].append(value)
    if refused and (on_bad == "refuse" or not structures):
        listed = "; ".join(f"{where}: {reason}" for where, reason in refused[:_SHOWN])
        more = f" and {len(refused) - _SHOWN} more" if len(refused) > _SHOWN else ""
        raise InputError(
            f"{len(refused)} of {len(rows.sources)} rows cannot be used: {listed}{more}",
            where=str(path),
            fix="mend or remove these rows" if structures else "no usable row is left",
        )
    if not structures:
        raise InputError("there are no structures", where=str(path))
    values = {name: np.array(column, dtype=float) for name, column in y.items()}
    return Table(structures, values, ids, refused)


def _read_npz(path: Path) -> Rows:
    arrays = load_npz(path)
    structures = unpack(arrays, str(path))
    count = len(structures)
    columns: dict[str, Any] = {
        k: v for k, v in arrays.items() if k not in _ARRAYS and v.shape == (count,)
    }
    key = next((name for name in ("material_id", "id", "ids") if name in columns), None)
    ids = [str(i) for i in (columns[key] if key else range(count))]
    return Rows(structures, ids, [f"row {i}" for i in range(count)], columns)
