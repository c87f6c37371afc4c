"""Rows before they are checked: where each stands, its structure or CIF text, its properties."""

from __future__ import annotations

import gzip
import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from physgan.errors import InputError
from physgan_crystal.io.table import Refused

ID_COLUMNS = ("material_id", "id", "name", "file")
PROPERTY_FILE = "properties.csv"


@dataclass(frozen=True)
class Rows:
    """``sources`` are CIF texts, structures, or Refused; ``columns[name][i]`` is a property."""

    sources: Sequence[Any]
    ids: Sequence[str]
    where: Sequence[str]
    columns: Mapping[str, Sequence[Any]]


def read_csv(path: Path, cif_column: str) -> Rows:
    """A table with CIF texts in ``cif_column``; no cell counts as missing unless it is empty.

    ("NaN" is sodium nitride.) Raises InputError where the file or the column cannot be read.
    """
    frame = _frame(path)
    if cif_column not in frame:
        raise InputError(
            f"no column {cif_column!r} of CIF texts",
            where=str(path),
            fix=f"columns: {', '.join(frame)}; name the right one",
        )
    texts = frame.pop(cif_column)
    where = [f"row {i}" for i in range(1, len(texts) + 1)]
    key = next((name for name in ID_COLUMNS if name in frame), None)
    ids = list(map(str, frame[key] if key else range(len(texts))))
    return Rows(texts, ids, where, frame)


def read_folder(path: Path) -> Rows:
    """CIF, POSCAR and extxyz files directly in ``path``, properties from ``properties.csv``."""
    sources: list[Any] = []
    ids: list[str] = []
    where: list[str] = []
    infos: list[dict[str, Any]] = []
    for file in sorted(path.iterdir()):
        kind = _kind(file)
        if kind == "xyz":
            frames = read_frames(file)
            sources += frames.sources
            ids += frames.ids
            where += frames.where
            infos += [{k: v[i] for k, v in frames.columns.items()} for i in range(len(frames.ids))]
        elif kind:
            sources.append(_text(file) if kind == "cif" else _poscar(file))
            ids.append(file.stem if kind == "cif" else file.name.removesuffix(".vasp"))
            where.append(file.name)
            infos.append({})
    if not sources:
        raise InputError(
            "no structure files", where=str(path), fix="CIF, POSCAR or extxyz files are expected"
        )
    table = path / PROPERTY_FILE
    if table.exists():
        frame = _frame(table)
        key = next((name for name in ("file", "id", "material_id") if name in frame), None)
        if key is None:
            raise InputError("no column 'file' or 'id'", where=str(table))
        at = {str(name): i for i, name in enumerate(frame[key])}
        for name, file, info in zip(ids, where, infos, strict=True):
            row = at.get(file, at.get(name))
            if row is not None:
                info |= {column: values[row] for column, values in frame.items()}
    return Rows(sources, ids, where, _columns(infos))


def read_json(path: Path) -> Rows:
    """A list of pymatgen structure dicts, or of {structure, properties, id}."""
    from pymatgen.core import Structure

    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="utf-8") as stream:
            entries = json.load(stream)
    except (OSError, ValueError) as error:
        raise InputError(f"not JSON: {error}", where=str(path)) from error
    if not isinstance(entries, list):
        raise InputError("not a list of structures", where=str(path))
    sources: list[Any] = []
    infos: list[dict[str, Any]] = []
    for entry in entries:
        wrapped = isinstance(entry, dict) and "structure" in entry
        infos.append(dict(entry.get("properties") or {}) if wrapped else {})
        if wrapped and "id" in entry:
            infos[-1]["id"] = entry["id"]
        try:
            sources.append(Structure.from_dict(entry["structure"] if wrapped else entry))
        except Exception as error:
            sources.append(Refused(f"not a pymatgen structure: {error!r}"))
    ids = [str(info.get("id", i)) for i, info in enumerate(infos)]
    return Rows(sources, ids, [f"entry {i}" for i in range(len(ids))], _columns(infos))


def read_frames(path: Path) -> Rows:
    """The frames of an extxyz file; the numbers of its comment lines are properties."""
    from ase.io import read
    from pymatgen.io.ase import AseAtomsAdaptor

    try:
        frames: Any = read(path, index=":", format="extxyz")
    except Exception as error:
        reason = Refused(f"not an extxyz file: {error}")
        return Rows([reason], [path.stem], [path.name], {})
    sources: list[Any] = []
    for frame in frames:
        if frame.pbc.all():
            sources.append(AseAtomsAdaptor.get_structure(frame))
        else:
            sources.append(Refused("not periodic in three directions"))
    single = len(frames) == 1
    ids = [path.stem if single else f"{path.stem}-{i}" for i in range(len(frames))]
    where = [path.name if single else f"{path.name} frame {i}" for i in range(len(frames))]
    notes = [dict(f.info) | (f.calc.results if f.calc else {}) for f in frames]
    infos = [{k: v for k, v in note.items() if np.ndim(v) == 0} for note in notes]
    return Rows(sources, ids, where, _columns(infos))


def _kind(file: Path) -> str:
    name = file.name.lower()
    if file.is_dir():
        return ""
    if name.endswith(".cif"):
        return "cif"
    if name.endswith((".xyz", ".extxyz")):
        return "xyz"
    return "poscar" if "poscar" in name or "contcar" in name or name.endswith(".vasp") else ""


def _text(file: Path) -> Any:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return Refused(f"not a CIF text: {error}")


def _poscar(file: Path) -> Any:
    from pymatgen.core import Structure

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return Structure.from_str(file.read_text(encoding="utf-8"), fmt="poscar")
        except Exception as error:
            return Refused(f"not a POSCAR: {error}")


def _frame(path: Path) -> dict[str, list[str]]:
    import pandas as pd

    try:
        frame = pd.read_csv(path, keep_default_na=False, dtype=str)
    except (OSError, ValueError, UnicodeDecodeError) as error:
        raise InputError(f"not a CSV table: {error}", where=str(path)) from error
    return {str(name): frame[name].tolist() for name in frame}


def _columns(infos: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    names = dict.fromkeys(name for info in infos for name in info)
    return {name: [info.get(name) for info in infos] for name in names}
