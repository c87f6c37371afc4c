"""Where the training, validation and test rows of a data set are."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from physgan.errors import InputError

SPLITS = {"train": ("train",), "val": ("val", "valid", "validation"), "test": ("test",)}
ENDINGS = (".npz", ".csv", ".csv.xz", ".csv.gz", ".json", ".json.gz", ".extxyz", "")
SHARES = (0.8, 0.9)
"""Below the first a hash is in train, below the second in val, else in test."""


def find_split(path: Path, split: str) -> Path | None:
    """The file or folder of ``split`` inside the directory ``path``; ``.npz`` wins over text.

    None where ``path`` is one file or one folder of structures, to be divided by ``hash_split``.
    Raises InputError for an unknown split, a missing path, or a layout that lacks this split.
    """
    if split not in SPLITS:
        raise InputError(f"unknown split {split!r}", fix=f"one of {', '.join(SPLITS)}")
    if not path.exists():
        raise InputError("no such file or folder", where=str(path))
    if not path.is_dir():
        return None
    found = {name: _first(path, stems) for name, stems in SPLITS.items()}
    if found[split] is not None or not any(found.values()):
        return found[split]
    present = ", ".join(file.name for file in found.values() if file)
    raise InputError(f"the data has no {split} split", where=str(path), fix=f"found only {present}")


def _first(folder: Path, stems: tuple[str, ...]) -> Path | None:
    places = (folder / f"{stem}{ending}" for ending in ENDINGS for stem in stems)
    return next((place for place in places if place.exists()), None)


def hash_split(ids: list[str], split: str) -> np.ndarray:
    """Positions of the rows whose id falls into ``split``: 80 / 10 / 10 by SHA-256 of the id.

    An id is always in the same split, whatever else the file holds.
    """
    names = list(SPLITS)
    digests = [hashlib.sha256(i.encode()).digest() for i in ids]
    places = np.array([int.from_bytes(digest[:8], "big") / 2**64 for digest in digests])
    return np.flatnonzero(np.searchsorted(SHARES, places, side="right") == names.index(split))
