"""Whether a crystal is physically possible, by the two tests of the CDVAE benchmark."""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pymatgen.core import Composition, Structure

MINIMUM_DISTANCE = 0.5
"""Smallest allowed distance between two sites, in Angstrom."""
MINIMUM_VOLUME = 0.1
"""Smallest allowed volume of the cell, in Angstrom^3."""


def structure_valid(structure: Structure | None) -> bool:
    """Whether different sites keep 0.5 Angstrom apart and the cell has at least 0.1 Angstrom^3.

    Distances are to the nearest image; a site is never held against its own images, as in the
    published script. None (a structure that could not be built) is invalid.
    """
    if structure is None or len(structure) == 0:
        return False
    if not np.isfinite(structure.lattice.matrix).all() or structure.volume < MINIMUM_VOLUME:
        return False
    if not np.isfinite(structure.frac_coords).all():
        return False
    distances = structure.distance_matrix + np.diag(np.full(len(structure), np.inf))
    return bool(distances.min() >= MINIMUM_DISTANCE)


def composition_valid(composition: Composition | None) -> bool:
    """Whether SMACT finds a neutral assignment of charges that passes the Pauling test.

    One element, or metals only, always pass. Oxidation states are the set of 2014 ("smact14"),
    the one behind the published figures; elements without any (noble gases) fail.
    """
    if composition is None or len(composition) == 0:
        return False
    amounts = composition.element_composition.get_el_amt_dict()
    counts = np.array([round(amount) for amount in amounts.values()])
    if (counts < 1).any():
        return False
    counts = counts // np.gcd.reduce(counts)
    return _smact(tuple(sorted(zip(amounts, counts.tolist(), strict=True))))


@lru_cache(maxsize=200_000)
def _smact(amounts: tuple[tuple[str, int], ...]) -> bool:
    from pymatgen.core import Composition
    from smact.screening import smact_validity

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return bool(
                smact_validity(
                    Composition(dict(amounts)),
                    use_pauling_test=True,
                    include_alloys=True,
                    oxidation_states_set="smact14",
                )
            )
        except (KeyError, NameError, TypeError, ValueError):  # an element unknown to SMACT
            return False
