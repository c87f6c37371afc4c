"""Crystals to CIF and extxyz files."""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from physgan.errors import InputError

if TYPE_CHECKING:
    from pymatgen.core import Structure

SYMPREC = 0.01
"""A; tolerance of the symmetry that a CIF states."""


def write_structures(
    samples: Sequence[Structure],
    names: Sequence[str],
    folder: Path,
    formats: Sequence[str] = ("cif", "extxyz"),
) -> list[Path]:
    """One file per sample and format; returns the path of each sample's first file.

    Raises InputError for an unknown format, or for names that are not distinct as file names.
    """
    writers: dict[str, Callable[[Structure], str]] = {"cif": cif_text, "extxyz": extxyz_text}
    unknown = [kind for kind in formats if kind not in writers]
    if unknown or not formats:
        raise InputError(f"cannot write {', '.join(unknown) or 'nothing'}", fix="cif, extxyz")
    stems = [re.sub(r"[^\w.+-]+", "_", name).strip("._") or "structure" for name in names]
    if len({stem.lower() for stem in stems}) != len(samples):
        raise InputError("the samples need one distinct name each", where=str(folder))
    folder.mkdir(parents=True, exist_ok=True)
    first: list[Path] = []
    for sample, stem in zip(samples, stems, strict=True):
        paths = [folder / f"{stem}.{kind}" for kind in formats]
        for path, kind in zip(paths, formats, strict=True):
            _write(path, writers[kind](sample))
        first.append(paths[0])
    return first


def cif_text(structure: Structure) -> str:
    """A CIF in the structure's space group, or in P1 where that would not reload the same."""
    from pymatgen.analysis.structure_matcher import StructureMatcher
    from pymatgen.core import Structure
    from pymatgen.io.cif import CifWriter

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            text = str(CifWriter(structure, symprec=SYMPREC, significant_figures=8))
            if StructureMatcher().fit(structure, Structure.from_str(text, fmt="cif")):
                return text
        except (ValueError, TypeError, ArithmeticError):
            pass
        return str(CifWriter(structure, significant_figures=8))


def extxyz_text(structure: Structure) -> str:
    """One extxyz frame with cell and periodicity, as ASE writes it."""
    from io import StringIO

    from ase import Atoms
    from ase.io import write

    atoms = Atoms(
        numbers=structure.atomic_numbers,
        positions=structure.cart_coords,
        cell=structure.lattice.matrix,
        pbc=True,
    )
    stream = StringIO()
    write(stream, atoms, format="extxyz")
    return stream.getvalue()


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        partial.write_text(text, encoding="utf-8")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
