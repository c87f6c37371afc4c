"""One template for all rows: the symmetry that every crystal of a data set has in common.

For data sets of one prototype (Perov-5: the 52 x 52 substituted ABX3 cells), whose sites keep
their roles: the common subgroup's free parameters then mean the same in every row.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from physgan.errors import InputError
from physgan_crystal.symmetry.encoded import Cell, Encoded, batch, cells
from physgan_crystal.symmetry.lattice import cell_from_parameters, parameters_from_cells
from physgan_crystal.symmetry.library import ELEMENTS, Orbit, Template, TemplateLibrary
from physgan_crystal.symmetry.matching import Roles, match_geometry, match_roles
from physgan_crystal.symmetry.subspace import Frame, circular, frame_of, snap

if TYPE_CHECKING:
    from pymatgen.core import Structure

TOLERANCE = 1e-3
"""Fractional distance up to which an operation counts as mapping a site onto itself."""

ANION = 2.4
"""Mean Pauling electronegativity of a site's elements above which it counts as an anion site."""


def encode_common(
    structures: Sequence[Structure], library: TemplateLibrary | None = None
) -> Encoded:
    """Encode ``structures`` of equal size in the one template of their common subgroup.

    Sites are matched to those of the most symmetric of the first rows, by the coordinates that
    symmetry fixes, by element and by position, since readers reorder sites. The origin along polar
    directions is a gauge: it is set so that the circular mean of the displacements from the
    nominal sites is zero; the nominal site has ``coord`` = 1/2. With ``library``, its template is
    used as it is. Rows without the common symmetry are failures. Raises InputError when the rows
    differ in size or the symmetry ties lattice numbers in a way that the cell setting hides.
    """
    rows = cells(structures)
    if not rows or len({len(row.z) for row in rows}) != 1:
        raise InputError(
            "a common template needs cells with the same number of atoms", fix="symmetry=detect"
        )
    frac = np.stack([row.frac for row in rows])
    numbers = np.stack([row.z for row in rows])
    sites = frac.shape[1]
    lattice = parameters_from_cells(
        np.stack([row.lattice for row in rows]), np.full(len(rows), sites)
    )
    if library is None:
        library = _fit(rows, frac, numbers, lattice)
    roles = roles_of(library)
    if roles.sites != sites:
        raise InputError(f"the template has {roles.sites} sites and the rows have {sites}")
    order = match_roles(frac, numbers, roles)
    frac = np.take_along_axis(frac, order[..., None], axis=1)
    numbers = np.take_along_axis(numbers, order, axis=1)
    off_site = np.abs(circular(frac @ roles.frame.to_fixed.T - roles.fixed)).max((1, 2), initial=0)
    tied = ~library.lattice_free[0].numpy()
    off_cell = np.abs(lattice - library.lattice_fixed[0].numpy())[:, tied].max(1, initial=0)
    good = (off_site < 2 * TOLERANCE) & (off_cell < 2 * TOLERANCE)
    coord = np.zeros((len(rows), sites, 3))
    coord[..., : roles.frame.free] = roles.gauge(frac) + 0.5
    lattice[:, tied] = library.lattice_fixed[0].numpy()[tied]
    kept = np.flatnonzero(good)
    reason = "lacks the symmetry that the other rows share"
    return Encoded(
        batch(np.zeros(len(kept)), numbers[kept], coord[kept], lattice[kept]),
        library,
        kept.tolist(),
        [(int(row), reason) for row in np.flatnonzero(~good)],
    )


def roles_of(library: TemplateLibrary) -> Roles:
    """The sites of a library made by ``encode_common``."""
    if len(library) != 1 or not len(library.seen):
        raise InputError("this template library was not made by common symmetry")
    columns = int(library.free[0, 0].sum())
    basis = library.matrix[0, 0, :, :columns].double().numpy()
    projector = basis @ np.linalg.pinv(basis) if columns else np.zeros((3, 3))
    frame = frame_of(projector)
    nominal = library.offset[0].double().numpy() + basis.sum(1) / 2
    return Roles(frame, snap(nominal, 1e-5), library.seen[0].double().numpy())


def _fit(
    rows: list[Cell], frac: np.ndarray, numbers: np.ndarray, lattice: np.ndarray
) -> TemplateLibrary:
    import spglib

    sites = np.arange(1, frac.shape[1] + 1)
    cells: list[Any] = [(row.lattice, row.frac, sites) for row in rows[:64]]
    found = [spglib.get_symmetry(cell, 1e-3) for cell in cells]
    sizes = [len(symmetry["rotations"]) if symmetry else 0 for symmetry in found]
    chief = int(np.argmax(sizes))
    if not sizes[chief]:
        raise InputError("no symmetry found in the first rows", fix="symmetry=detect")
    symmetry = found[chief] or {}
    rotations, translations = symmetry["rotations"], symmetry["translations"]
    order = match_geometry(frac, frac[chief])
    matched = np.take_along_axis(frac, order[..., None], axis=1)
    metric = np.stack([row.lattice @ row.lattice.T for row in rows])
    keep = [
        _holds(rotation, shift, matched, metric).mean() >= 0.95
        for rotation, shift in zip(rotations, translations, strict=True)
    ]
    rotations = rotations[keep]
    frame = frame_of(rotations.mean(0))
    free, fixed = _lattice_mask(lattice, rotations)
    roles = Roles(frame, _nominal(frac[chief], frame), np.zeros((len(sites), ELEMENTS)))
    for _ in range(2):
        order = match_roles(frac, numbers, roles)
        placed = np.take_along_axis(numbers, order, axis=1)
        for site in range(len(sites)):
            roles.seen[site] = np.bincount(placed[:, site] - 1, minlength=ELEMENTS)
    roles = _sorted(roles)
    library = TemplateLibrary.from_templates([_template(roles, rotations, free, fixed)])
    library.seen = torch.as_tensor(roles.seen)[None].to(torch.get_default_dtype())
    return library


def _holds(
    rotation: np.ndarray, shift: np.ndarray, frac: np.ndarray, metric: np.ndarray
) -> np.ndarray:
    """Whether the operation maps each site onto itself and keeps the metric, per row."""
    moved = np.abs(circular(frac @ rotation.T + shift - frac)).max((1, 2))
    strain = np.abs(rotation.T @ metric @ rotation - metric).max((1, 2)) / metric.max((1, 2))
    return (moved < TOLERANCE) & (strain < TOLERANCE)


def _nominal(frac: np.ndarray, frame: Frame) -> np.ndarray:
    """Sites of the reference row, its first at the polar origin, on round numbers if near."""
    u, c = frac @ frame.to_free.T, frac @ frame.to_fixed.T
    u, c = snap((u - u[0]) % 1.0, 1e-2), snap(c % 1.0, 2 * TOLERANCE)
    return (u % 1.0) @ frame.basis.T + (c % 1.0) @ frame.cross.T


def _sorted(roles: Roles) -> Roles:
    """Cations before anions, then by position: the same order whatever the order of the files."""
    from pymatgen.core import Element

    present = np.flatnonzero(roles.seen.sum(0))
    scale = np.zeros(ELEMENTS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        scale[present] = [np.nan_to_num(Element.from_Z(int(z) + 1).X) for z in present]
    pull = roles.seen @ scale / roles.seen.sum(1) > ANION
    along = roles.nominal @ roles.frame.to_free.T
    place = np.rint(np.concatenate([roles.fixed, along], axis=1) % 1.0 * 1e3) % 1000
    order = np.lexsort((*place.T[::-1], pull))
    return Roles(roles.frame, _nominal(roles.nominal[order], roles.frame), roles.seen[order])


def _lattice_mask(lattice: np.ndarray, rotations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    fixed = np.median(lattice, axis=0)
    free = np.mean(np.abs(lattice - fixed) < 1e-4, axis=0) < 0.95
    fixed[1:] = np.where(
        np.abs(fixed - np.rint(2 * fixed) / 2) < 1e-4, np.rint(2 * fixed) / 2, fixed
    )[1:]
    cell = _generic_cell(free, fixed)
    metric = cell @ cell.T
    strain = max(np.abs(r.T @ metric @ r - metric).max() for r in rotations) / metric.max()
    if strain > 1e-3:
        raise InputError(
            "the common symmetry ties lattice numbers together in this cell setting",
            fix="symmetry=detect",
        )
    return free, fixed


def _generic_cell(free: np.ndarray, fixed: np.ndarray) -> np.ndarray:
    trial = np.where(free, fixed + np.linspace(0.01, 0.06, 6), fixed)
    return cell_from_parameters(torch.as_tensor(trial)[None], torch.ones(1)).double().numpy()[0]


def _template(roles: Roles, rotations: np.ndarray, free: np.ndarray, fixed: np.ndarray) -> Template:
    """The template, named by spglib's Wyckoff letters for sites at general displacements."""
    import spglib

    matrix = np.zeros((3, 3))
    matrix[:, : roles.frame.free] = roles.frame.basis
    offsets = roles.nominal - roles.frame.basis.sum(1) / 2
    orbits = tuple(Orbit(matrix[None], offset[None], roles.frame.free) for offset in offsets)
    spread = np.linspace(0.01, 0.2, roles.sites)[:, None] ** 2
    generic = roles.nominal + spread * roles.frame.basis.sum(1)
    cell = _generic_cell(free, fixed)
    labels = np.arange(1, roles.sites + 1)
    data = spglib.get_symmetry_dataset((cell, generic, labels), 1e-4)  # type: ignore[arg-type]
    if data is None or len(data.rotations) != len(rotations):
        raise InputError("the common symmetry is not a space group", fix="symmetry=detect")
    return Template(
        name=f"{data.international}: {' '.join(data.wyckoffs)}",
        group=int(data.number),
        primitive=np.eye(3),
        orbits=orbits,
        lattice_free=free,
        lattice_fixed=fixed,
    )
