"""Each crystal in its own space group, as spglib finds it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING

import numpy as np

from physgan.errors import InputError
from physgan_crystal.symmetry.encoded import Cell, Encoded, batch, cells
from physgan_crystal.symmetry.library import TemplateLibrary
from physgan_crystal.symmetry.orbits import Analysis, Site, Undetected, analyse, template_of

if TYPE_CHECKING:
    from pymatgen.core import Structure

CHUNK = 256


def encode_detect(
    structures: Sequence[Structure],
    symprec: float = 0.1,
    library: TemplateLibrary | None = None,
    executor: Executor | None = None,
) -> Encoded:
    """Encode each structure in the standard setting of its space group.

    ``symprec`` in A is spglib's tolerance: coordinates move by up to that much. Templates are the
    distinct (group, Wyckoff positions). With ``library`` rows of any other template are failures.
    An ``executor`` analyses chunks of rows in parallel. Raises InputError when no row is encoded.
    """
    rows = cells(structures)
    chunks = [rows[i : i + CHUNK] for i in range(0, len(rows), CHUNK)]
    precisions = [symprec] * len(chunks)
    runner = map if executor is None else executor.map
    results = [r for chunk in runner(_analyse_chunk, chunks, precisions) for r in chunk]
    found = {i: result for i, result in enumerate(results) if isinstance(result, Analysis)}
    failures = [(i, result) for i, result in enumerate(results) if isinstance(result, str)]
    if not found:
        raise InputError(
            "none of the structures could be encoded", where=failures[0][1] if failures else ""
        )
    if library is None:
        keys = sorted({analysis.key for analysis in found.values()})
        library = TemplateLibrary.from_templates([template_of(key) for key in keys])
        index = {key: i for i, key in enumerate(keys)}
    else:
        index = _index(library, {analysis.key for analysis in found.values()})
    kept = [i for i, analysis in found.items() if analysis.key in index]
    failures += [
        (i, f"its template {_name(analysis.key)} is not in the library")
        for i, analysis in found.items()
        if analysis.key not in index
    ]
    return _stack([found[i] for i in kept], index, library, kept, sorted(failures))


def _analyse_chunk(rows: list[Cell], symprec: float) -> list[Analysis | str]:
    results: list[Analysis | str] = []
    for row in rows:
        try:
            results.append(analyse(row, symprec))
        except Undetected as error:
            results.append(str(error))
    return results


def _name(key: tuple[int, tuple[Site, ...]]) -> str:
    return f"{key[0]}: {' '.join(site[0] for site in key[1])}"


def _index(
    library: TemplateLibrary, keys: set[tuple[int, tuple[Site, ...]]]
) -> dict[tuple[int, tuple[Site, ...]], int]:
    """Rows of ``library`` for those of ``keys`` whose whole template is there."""
    rows: dict[str, list[int]] = {}
    for row, name in enumerate(library.names):
        rows.setdefault(name, []).append(row)
    index = {}
    for key in keys:
        template = template_of(key)
        for row in rows.get(template.name, ()):
            if _same(library, row, TemplateLibrary.from_templates([template])):
                index[key] = row
    return index


def _same(library: TemplateLibrary, row: int, other: TemplateLibrary) -> bool:
    atoms = other.atom_mask.shape[1]
    if int(library.atom_mask[row].sum()) != atoms:
        return False
    pairs = [(getattr(library, n)[row, :atoms], getattr(other, n)[0]) for n in ("matrix", "offset")]
    return all(bool((a.cpu() - b).abs().max() < 1e-4) for a, b in pairs)


def _stack(
    found: list[Analysis],
    index: dict[tuple[int, tuple[Site, ...]], int],
    library: TemplateLibrary,
    kept: list[int],
    failures: list[tuple[int, str]],
) -> Encoded:
    orbits = library.orbit_mask.shape[1]
    numbers = np.zeros((len(found), orbits), dtype=int)
    coord = np.zeros((len(found), orbits, 3))
    for row, analysis in enumerate(found):
        numbers[row, : len(analysis.numbers)] = analysis.numbers
        coord[row, : len(analysis.numbers)] = analysis.coord
    template = np.array([index[analysis.key] for analysis in found], dtype=int)
    lattice = np.array([analysis.lattice for analysis in found]).reshape(-1, 6)
    return Encoded(batch(template, numbers, coord, lattice), library, kept, failures)
