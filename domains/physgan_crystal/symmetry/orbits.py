"""One crystal as a space group, occupied Wyckoff positions and free parameters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from physgan_crystal.symmetry.encoded import Cell
from physgan_crystal.symmetry.groups import SpaceGroup, space_group
from physgan_crystal.symmetry.lattice import parameters_from_cells
from physgan_crystal.symmetry.library import Orbit, Template
from physgan_crystal.symmetry.subspace import GRID, Frame, circular, frame_from_key

Site = tuple[str, tuple[int, ...], tuple[int, ...]]
"""Wyckoff letter, key of the frame, fixed coordinates in units of 1/24."""

_PINS = 4


class Undetected(Exception):
    """The symmetry of a crystal could not be written as a template."""


@dataclass(frozen=True)
class Analysis:
    """``numbers (K,)``, ``coord (K, 3)`` and ``lattice (6,)`` of the template ``key``.

    ``key`` is the space group and its sorted sites.
    """

    key: tuple[int, tuple[Site, ...]]
    numbers: np.ndarray
    coord: np.ndarray
    lattice: np.ndarray


@dataclass(frozen=True)
class _Atom:
    letter: str
    z: int
    point: np.ndarray
    stabilizer: np.ndarray


def analyse(cell: Cell, symprec: float) -> Analysis:
    """Standardise with spglib (Togo et al. 2018) and write every orbit by one representative.

    ``symprec`` is in A. The representative has the smallest frame, fixed and free coordinates
    of its orbit. Along polar directions the first orbit is the origin. Raises Undetected.
    """
    import spglib

    try:
        crystal = (cell.lattice, cell.frac, cell.z)
        data = spglib.get_symmetry_dataset(crystal, symprec, 5.0)  # type: ignore[arg-type]
    except spglib.SpglibError:
        data = None
    if data is None:
        raise Undetected(f"spglib finds no space group at {symprec:g} A")
    group = space_group(int(data.number))
    first_of = {int(p): i for i, p in reversed(list(enumerate(data.mapping_to_primitive)))}
    owners = np.array([first_of[int(p)] for p in data.std_mapping_to_primitive])
    orbit_of = data.crystallographic_orbits[owners]
    atoms: list[_Atom] = []
    for orbit in np.unique(orbit_of):
        members = np.flatnonzero(orbit_of == orbit)
        atom = members[0]
        stabilizer = _stabilizer(group, data.std_positions[atom], len(members))
        letter, z = str(data.wyckoffs[owners[atom]]), int(data.std_types[atom])
        atoms.append(_Atom(letter, z, data.std_positions[atom], stabilizer))
    lattice = parameters_from_cells(data.std_lattice[None], np.array([len(data.std_types)]))[0]
    free, fixed = group.lattice()
    return _arrange(group, atoms, np.where(free, lattice, fixed))


def _stabilizer(group: SpaceGroup, point: np.ndarray, members: int) -> np.ndarray:
    for tolerance in (1e-5, 1e-4, 1e-3, 1e-2):
        mask = group.stabilizer(point, tolerance)
        if mask.sum() * members == len(group.rotations):
            return mask
    raise Undetected("an orbit is too near to a more special position")


def _arrange(group: SpaceGroup, atoms: list[_Atom], lattice: np.ndarray) -> Analysis:
    """Sort the orbits; fix a polar origin by each candidate first one, the smallest result wins."""
    found = [_representative(group, atom, np.zeros(3)) for atom in atoms]
    kinds = [(site, atom.z) for (site, _), atom in zip(found, atoms, strict=True)]
    head = min(kinds)
    frame = frame_from_key(head[0][1])
    pins = [i for i, kind in enumerate(kinds) if kind == head][: _PINS if len(group.polar) else 1]
    trials = []
    for pin in pins:
        site = frame.basis @ found[pin][1] + frame.cross @ (np.array(head[0][2]) / GRID)
        shift = (group.polar @ site) @ group.polar
        moved = [_representative(group, atom, shift) for atom in atoms] if shift.any() else found
        coords = [u for _, u in moved]
        keys = [(kind, tuple(np.round(u, 4))) for kind, u in zip(kinds, coords, strict=True)]
        rest = sorted((i for i in range(len(atoms)) if i != pin), key=keys.__getitem__)
        order = [pin, *rest] if len(group.polar) else sorted([pin, *rest], key=keys.__getitem__)
        trials.append(([keys[i] for i in order], order, coords))
    _, order, coords = min(trials, key=lambda trial: trial[0])
    coord = np.zeros((len(order), 3))
    for row, i in enumerate(order):
        columns = _still(frame, group) if row == 0 else range(len(coords[i]))
        coord[row, : len(columns)] = coords[i][list(columns)]
    sites = tuple(kinds[i][0] for i in order)
    return Analysis((group.number, sites), np.array([atoms[i].z for i in order]), coord, lattice)


def _representative(group: SpaceGroup, atom: _Atom, shift: np.ndarray) -> tuple[Site, np.ndarray]:
    """The canonical site of an orbit moved by ``-shift``, and its free coordinates in [0, 1)."""
    images = group.rotations[atom.stabilizer] @ atom.point + group.translations[atom.stabilizer]
    point = atom.point + circular(images - atom.point).mean(0) - shift
    placement = group.placement(atom.stabilizer)
    frame = placement.frame
    images = placement.rotations @ point + placement.translations
    across = images @ frame.to_fixed.T * GRID
    fixed = np.rint(across)
    if np.abs(across - fixed).max(initial=0) > 0.05:
        raise Undetected("a Wyckoff position is off the 1/24 grid")
    fixed = fixed.astype(int) % GRID
    u = (images @ frame.to_free.T) % 1.0
    rounded = np.rint(u * 1e4).astype(int) % 10_000
    still = _still(frame, group)
    rank = still + [k for k in range(frame.free) if k not in still]
    pick = int(np.lexsort(np.concatenate([fixed, rounded[:, rank]], axis=1).T[::-1])[0])
    return (atom.letter, frame.key, tuple(int(c) for c in fixed[pick])), u[pick]


def _still(frame: Frame, group: SpaceGroup) -> list[int]:
    """Columns of the basis that are not polar directions."""
    polar = {tuple(axis) for axis in group.polar}
    return [k for k in range(frame.free) if tuple(frame.basis[:, k]) not in polar]


def template_of(key: tuple[int, tuple[Site, ...]]) -> Template:
    """The template of an ``Analysis.key``; its first orbit is pinned along polar directions."""
    group = space_group(key[0])
    orbits = []
    for index, (_, frame_key, fixed) in enumerate(key[1]):
        frame = frame_from_key(frame_key)
        columns = range(frame.free) if index else _still(frame, group)
        matrix = np.zeros((3, 3))
        matrix[:, : len(columns)] = frame.basis[:, list(columns)]
        offset = frame.cross @ (np.array(fixed) / GRID)
        orbits.append(Orbit(*group.orbit(matrix, offset), len(columns)))
    free, fixed_lattice = group.lattice()
    letters = " ".join(site[0] for site in key[1])
    return Template(
        f"{group.symbol}: {letters}", key[0], group.primitive, tuple(orbits), free, fixed_lattice
    )
