"""What the benchmark needs to know of each crystal, computed in parallel and kept on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from physgan_crystal.metrics import composition, fast_fingerprint, validity

if TYPE_CHECKING:
    from pymatgen.core import Structure

VERSION = 1
"""Raise it when a description changes its meaning: it is part of the cache key."""
CHUNK = 64


@dataclass(frozen=True)
class Descriptions:
    """Arrays over n crystals; NaN and False where there is no crystal."""

    struct_valid: np.ndarray
    comp_valid: np.ndarray
    has_fingerprint: np.ndarray
    struct: np.ndarray
    comp: np.ndarray
    density: np.ndarray
    num_elements: np.ndarray

    @property
    def valid(self) -> np.ndarray:
        """Both tests passed and a fingerprint exists, (n,) bool."""
        return self.struct_valid & self.comp_valid & self.has_fingerprint

    def __len__(self) -> int:
        return len(self.density)


def _describe(structures: Sequence[Structure | None]) -> dict[str, np.ndarray]:
    n = len(structures)
    out = {
        "struct_valid": np.zeros(n, bool),
        "comp_valid": np.zeros(n, bool),
        "has_fingerprint": np.zeros(n, bool),
        "struct": np.full((n, fast_fingerprint.WIDTH), np.nan),
        "comp": np.full((n, composition.WIDTH), np.nan),
        "density": np.full(n, np.nan),
        "num_elements": np.full(n, np.nan),
    }
    for row, structure in enumerate(structures):
        if structure is None or not len(structure):
            continue
        out["struct_valid"][row] = validity.structure_valid(structure)
        out["comp_valid"][row] = validity.composition_valid(structure.composition)
        out["comp"][row] = composition.composition_fingerprint(structure.composition)
        out["num_elements"][row] = len(structure.composition.elements)
        if structure.volume > 0:
            out["density"][row] = float(structure.density)
        found, _ = fast_fingerprint.fingerprint(structure)
        if found is not None and np.isfinite(found).all():
            out["struct"][row] = found
            out["has_fingerprint"][row] = True
    return out


def content_hash(structures: Sequence[Structure | None]) -> str:
    """Hash of cells, elements and positions, in order."""
    digest = hashlib.sha256(f"physgan-crystal-{VERSION}".encode())
    for structure in structures:
        if structure is None:
            digest.update(b"none")
            continue
        digest.update(np.ascontiguousarray(structure.lattice.matrix).tobytes())
        digest.update(np.ascontiguousarray(structure.frac_coords).tobytes())
        digest.update(" ".join(str(site.species) for site in structure).encode())
    return digest.hexdigest()


@contextmanager
def pool(executor: Executor | None, processes: int) -> Iterator[Executor | None]:
    """The caller's executor, or one of `processes` that is closed afterwards, or None for one."""
    if executor is not None or processes <= 1:
        yield executor
        return
    with ProcessPoolExecutor(processes) as own:
        yield own


def describe(
    structures: Sequence[Structure | None],
    *,
    executor: Executor | None = None,
    cache: Path | None = None,
    label: str = "crystals",
    progress: bool = True,
) -> Descriptions:
    """Describe each crystal; `cache` is a folder for the result, keyed by the content."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    kept = None if cache is None else cache / f"{content_hash(structures)}.npz"
    if kept is not None and kept.is_file():
        with np.load(kept, allow_pickle=False) as stored:
            return Descriptions(**{f.name: stored[f.name] for f in fields(Descriptions)})
    chunks = [structures[i : i + CHUNK] for i in range(0, len(structures), CHUNK)]
    parts: list[dict[str, np.ndarray]] = [_describe([])] * len(chunks)
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, disable=not progress, transient=True) as bar:
        task = bar.add_task(label, total=len(structures))
        if executor is None:
            for place, chunk in enumerate(chunks):
                parts[place] = _describe(chunk)
                bar.advance(task, len(chunk))
        else:
            jobs = {executor.submit(_describe, chunk): i for i, chunk in enumerate(chunks)}
            for job in as_completed(jobs):
                parts[jobs[job]] = job.result()
                bar.advance(task, len(chunks[jobs[job]]))
    parts = parts or [_describe([])]
    merged: dict[str, Any] = {
        name: np.concatenate([part[name] for part in parts]) for name in parts[0]
    }
    if kept is not None:
        kept.parent.mkdir(parents=True, exist_ok=True)
        partial = kept.with_suffix(".tmp.npz")
        np.savez_compressed(partial, **merged)
        partial.replace(kept)
    return Descriptions(**merged)
