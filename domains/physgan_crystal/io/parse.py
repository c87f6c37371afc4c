"""CIF texts to structures: in parallel when there are many, and only once per file."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import sys
import warnings
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from physgan_crystal.io.packed import load_npz, pack, unpack
from physgan_crystal.io.table import Refused, check

if TYPE_CHECKING:
    from pymatgen.core import Structure

PARALLEL_FROM = 1000
"""Fewer texts are parsed in this process: starting others would take longer."""

_VERSION = "1"


def parse_cif(text: str) -> Structure:
    """The first structure of a CIF. Raises Refused with the reason."""
    from pymatgen.core import Structure

    if "_atom_site" not in text or "_cell_length_a" not in text:
        raise Refused("not a CIF with a cell and atom sites")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            structure = Structure.from_str(text, fmt="cif")
        except ZeroDivisionError:
            raise Refused("the cell is empty") from None
        except Exception as error:
            raise Refused(f"not a CIF that pymatgen can read: {error}") from error
    return check(structure)


def parse_all(texts: Sequence[str]) -> list[Structure | str]:
    """A structure, or the reason why there is none, for each CIF text.

    Results for 1,000 texts and more are kept in the user's cache folder by checksum.
    """
    if len(texts) < PARALLEL_FROM:
        return _parse_chunk(texts)
    target = cache_folder() / f"{_checksum(texts)}.npz"
    if target.exists():
        return _from_cache(target)
    chunks = [texts[i : i + 200] for i in range(0, len(texts), 200)]
    method = "fork" if sys.platform == "linux" else "spawn"
    workers = max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2)
    with ProcessPoolExecutor(workers, multiprocessing.get_context(method)) as pool:
        results = [result for chunk in pool.map(_parse_chunk, chunks) for result in chunk]
    _to_cache(results, target)
    return results


def cache_folder() -> Path:
    """``$XDG_CACHE_HOME/physgan``, or ``~/.cache/physgan``."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "physgan"


def _parse_chunk(texts: Sequence[str]) -> list[Structure | str]:
    results: list[Structure | str] = []
    for text in texts:
        try:
            results.append(parse_cif(text))
        except Refused as error:
            results.append(str(error))
    return results


def _checksum(texts: Sequence[str]) -> str:
    from pymatgen.core import __version__

    digest = hashlib.sha256(f"{_VERSION} {__version__}".encode())
    for text in texts:
        digest.update(hashlib.sha256(text.encode()).digest())
    return digest.hexdigest()[:32]


def _to_cache(results: list[Structure | str], target: Path) -> None:
    reasons = np.array([result if isinstance(result, str) else "" for result in results])
    arrays = pack([result for result in results if not isinstance(result, str)])
    partial = target.with_suffix(f".{os.getpid()}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as stream:
            np.savez_compressed(stream, reasons=reasons, **arrays)  # type: ignore[arg-type]
        partial.replace(target)
    except OSError as error:
        warnings.warn(f"parsed structures are not cached: {error}", stacklevel=3)
        partial.unlink(missing_ok=True)


def _from_cache(target: Path) -> list[Structure | str]:
    arrays = load_npz(target)
    good = iter(unpack(arrays, str(target)))
    return [str(reason) if reason else next(good) for reason in arrays["reasons"]]
