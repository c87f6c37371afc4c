"""Structures as flat arrays: the packed ``.npz`` form, and the cache of parsed files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from physgan.errors import InputError
from physgan_crystal.symmetry.structure import build

if TYPE_CHECKING:
    from pymatgen.core import Structure

NEEDED = ("num_atoms", "atomic_numbers", "frac_coords")


def pack(structures: Sequence[Structure]) -> dict[str, np.ndarray]:
    """``num_atoms (n,)``, ``atomic_numbers (N,)``, ``frac_coords (N, 3)``, ``cells (n, 3, 3)``."""
    empty = np.zeros((0, 3))
    return {
        "num_atoms": np.array([len(structure) for structure in structures], dtype=np.int32),
        "atomic_numbers": np.array([z for s in structures for z in s.atomic_numbers], np.uint8),
        "frac_coords": np.concatenate([empty, *(s.frac_coords for s in structures)]),
        "cells": np.array([s.lattice.matrix for s in structures]).reshape(-1, 3, 3),
    }


def unpack(arrays: dict[str, np.ndarray], where: str) -> list[Structure]:
    """The inverse of ``pack``; also takes ``lengths`` (A) and ``angles`` (degrees) for cells.

    Raises InputError where an array is missing or the sizes disagree.
    """
    missing = [name for name in NEEDED if name not in arrays]
    if missing or ("cells" not in arrays and not {"lengths", "angles"} <= set(arrays)):
        raise InputError(
            f"arrays missing: {', '.join(missing) or 'lengths and angles'}",
            where=where,
            fix=f"needed: {', '.join(NEEDED)}, lengths, angles",
        )
    counts = arrays["num_atoms"].astype(int)
    if counts.sum() != len(arrays["atomic_numbers"]) or counts.sum() != len(arrays["frac_coords"]):
        raise InputError("num_atoms does not add up to the number of atoms", where=where)
    cells = arrays["cells"] if "cells" in arrays else _cells(arrays["lengths"], arrays["angles"])
    if len(cells) != len(counts):
        raise InputError(f"{len(counts)} rows but {len(cells)} cells", where=where)
    ends = np.cumsum(counts)
    frac, numbers = arrays["frac_coords"].astype(float), arrays["atomic_numbers"].astype(int)
    if len(numbers) and not (numbers.min() >= 1 and numbers.max() <= 118):
        raise InputError("atomic_numbers outside 1 to 118", where=where)
    return [
        build(cell, frac[end - count : end], numbers[end - count : end]) if count else _empty(cell)
        for cell, count, end in zip(cells, counts, ends, strict=True)
    ]


def load_npz(path: Path) -> dict[str, np.ndarray]:
    """All arrays of ``path``; never unpickles. Raises InputError where it is not an npz file."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, AttributeError) as error:
        raise InputError("not a readable .npz file of plain arrays", where=str(path)) from error


def _empty(cell: np.ndarray) -> Structure:
    from pymatgen.core import Structure

    return Structure(cell, [], [])


def _cells(lengths: np.ndarray, angles: np.ndarray) -> np.ndarray:
    from pymatgen.core import Lattice

    return np.array(
        [
            Lattice.from_parameters(*map(float, (*length, *angle))).matrix
            for length, angle in zip(lengths, angles, strict=True)
        ]
    ).reshape(-1, 3, 3)
