"""The CrystalNN "ops" fingerprint of a crystal, compiled.

Equal to the mean over sites of matminer's `CrystalNNFingerprint.from_preset("ops")` (61 numbers),
which the published coverage metrics of crystal generators use. That preset keeps CrystalNN's own
defaults: bonds are judged by solid angle, by difference of electronegativity and by distance, so
the elements matter as well as the geometry.

Where rounding, and not the structure, decides what matminer returns (a cell that is open within
the search radius, an angle on the step of an order parameter, ...) the site is given to matminer.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from physgan_crystal.metrics import motif_kernel as mk
from physgan_crystal.metrics.fingerprint_kernel import LARGEST, site_fingerprint

if TYPE_CHECKING:
    from pymatgen.core import Structure

WIDTH = 61
SEARCH_RADIUS = 7.0
"""Radius in Angstrom within which CrystalNN looks for the owners of Voronoi faces."""

_KINDS = {
    "bent": (mk.BENT, ("TA", "IGW_TA")),
    "tri_plan_max": (mk.TARGET, ("TA", "IGW_TA", "fac_AA")),
    "tet_max": (mk.TARGET, ("TA", "IGW_TA", "fac_AA")),
    "T": (mk.PYRAMID, ("IGW_EP", "fac_AA")),
    "tri_pyr": (mk.PYRAMID, ("IGW_EP", "fac_AA")),
    "sq_pyr": (mk.PYRAMID, ("IGW_EP", "fac_AA")),
    "pent_pyr": (mk.PYRAMID, ("IGW_EP", "fac_AA")),
    "hex_pyr": (mk.PYRAMID, ("IGW_EP", "fac_AA")),
    "sq_plan_max": (mk.POLAR, ("min_SPP", "IGW_SPP", "IGW_EP", "fac_AA")),
    "oct_max": (mk.POLAR, ("min_SPP", "IGW_SPP", "IGW_EP", "fac_AA")),
    "tri_bipyr": (mk.POLAR, ("min_SPP", "IGW_SPP", "IGW_EP", "fac_AA")),
    "pent_bipyr": (mk.POLAR, ("min_SPP", "IGW_SPP", "IGW_EP", "fac_AA")),
    "hex_bipyr": (mk.POLAR, ("min_SPP", "IGW_SPP", "IGW_EP", "fac_AA")),
    "see_saw_rect": (mk.SEE_SAW, ("min_SPP", "IGW_SPP", "IGW_EP", "fac_AA")),
    "hex_plan_max": (mk.HEX_PLANE, ("min_SPP", "IGW_SPP", "IGW_TA", "fac_AA", "TA")),
    "pent_plan_max": (mk.PENT_PLANE, ("TA", "IGW_TA")),
    "bcc": (mk.BCC, ("min_SPP", "IGW_SPP", "w_SPP")),
    "cuboct_max": (mk.CUBOCT, ("min_SPP", "IGW_SPP", "w_SPP", 4, 2, 5, 6)),
}


class Tables(NamedTuple):
    """What the kernels read: order parameters by coordination number, and elements by Z."""

    motifs: np.ndarray
    first: np.ndarray
    column: np.ndarray
    width: int
    radius: np.ndarray
    affinity: np.ndarray


@cache
def featurizer():
    """matminer's featurizer, whose parameters are the definition of the fingerprint."""
    from matminer.featurizers.site.fingerprint import CrystalNNFingerprint

    return CrystalNNFingerprint.from_preset("ops")


@cache
def tables() -> Tables:
    """Read the parameters of the order parameters and elements from matminer and pymatgen."""
    from pymatgen.analysis.local_env import CovalentRadius
    from pymatgen.core import Element

    rows: list[list[float]] = []
    first = np.zeros(LARGEST + 2, np.int64)
    column = np.zeros(LARGEST + 2, np.int64)
    width = 0
    for number in range(1, LARGEST + 1):
        first[number], column[number] = len(rows), width
        operators = featurizer().ops[number]
        width += len(operators)
        for operator in operators[1:]:
            name = operator.get_type(0)
            if name == "sgl_bd":  # one bond always scores 1, as Q_l does
                rows.append([mk.STEINHARDT, 2.0])
            elif name in ("q2", "q4", "q6"):
                rows.append([mk.STEINHARDT, float(name[1])])
            else:
                kind, keys = _KINDS[name]
                parameters = operator.get_parameters(0)
                rows.append([kind, *(float(parameters[key]) for key in keys)])
    first[LARGEST + 1] = len(rows)
    motifs = np.zeros((len(rows), 8))
    for row, values in enumerate(rows):
        motifs[row, : len(values)] = values

    radius, affinity = np.full(119, np.nan), np.full(119, np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for z in range(1, 119):
            element = Element.from_Z(z)
            radius[z] = CovalentRadius.radius.get(element.symbol, element.atomic_radius or np.nan)
            affinity[z] = element.X
    return Tables(motifs, first, column, width, radius, affinity)


def reference_fingerprint(structure: Structure, site: int) -> np.ndarray:
    """matminer's own fingerprint (61,) of one site; raises what matminer raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(featurizer().featurize(structure, site), dtype=float)


def fingerprint(structure: Structure) -> tuple[np.ndarray | None, int]:
    """Mean site fingerprint (61,) and the number of sites that matminer had to do.

    None where matminer finds none either, for example in a crystal with an open Voronoi cell.
    """
    table = tables()
    plain = all(site.is_ordered and hasattr(site.specie, "Z") for site in structure)
    if not len(structure):
        return None, 0
    numbers = np.array([site.specie.Z if plain else 0 for site in structure])
    decorated = any(hasattr(site.specie, "oxi_state") for site in structure) if plain else True
    plain = plain and not decorated and not np.isnan(table.radius[numbers]).any()
    lattice = np.ascontiguousarray(structure.lattice.matrix)
    if not np.isfinite(lattice).all() or abs(np.linalg.det(lattice)) < 1e-6:
        return None, 0
    frac = np.ascontiguousarray(structure.frac_coords) % 1.0
    heights = 1.0 / np.linalg.norm(np.linalg.inv(lattice), axis=0)
    total, asked = np.zeros(WIDTH), 0
    for site in range(len(structure)):
        values, certain = np.zeros(WIDTH), False
        if plain:
            values, certain = site_fingerprint(
                site,
                frac,
                lattice,
                heights,
                table.radius[numbers],
                table.affinity[numbers],
                SEARCH_RADIUS,
                *table[:4],
            )
        if not certain:
            asked += 1
            try:
                values = reference_fingerprint(structure, site)
            except Exception:  # whatever matminer fails with, the crystal has no fingerprint
                return None, asked
        total += values
    return total / len(structure), asked


def fingerprints(structures: Sequence[Structure]) -> list[np.ndarray | None]:
    """`fingerprint` of each crystal, without the counts."""
    return [fingerprint(structure)[0] for structure in structures]
