"""Elemental data of the laws as arrays over Z - 1, read once from ase, pymatgen and SMACT."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cache

import numpy as np

ELEMENTS = 100
AVOGADRO_VOLUME = 0.602214076  # cm^3 per mol in one A^3 per atom


@cache
def covalent_radii() -> np.ndarray:
    """Covalent radii ``(100,)`` in A of Cordero et al., Dalton Trans. 2008, 2832.

    The source ends at curium; heavier actinides take curium's radius.
    """
    from ase.data import covalent_radii as table

    radii = np.array(table[1 : ELEMENTS + 1])
    radii[96:] = radii[95]
    return radii


@cache
def atomic_volumes() -> np.ndarray:
    """Volumes per atom of the elements ``(100,)`` in A^3, from pymatgen's molar volumes.

    Elements without a measured value take the cube of 2.1 covalent radii.
    """
    from pymatgen.core import Element

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        molar = [Element.from_Z(z).molar_volume for z in range(1, ELEMENTS + 1)]
    guess = (2.1 * covalent_radii()) ** 3
    known = np.array([np.nan if value is None else float(value) for value in molar])
    return np.where(np.isnan(known), guess, known / AVOGADRO_VOLUME)


@cache
def mendeleev_numbers() -> np.ndarray:
    """Mendeleev numbers ``(100,)``: neighbours on this scale replace each other in crystals.

    Villars et al., J. Alloys Compd. 367, 167 (2004), as in pymatgen.
    """
    from pymatgen.core import Element

    return np.array([Element.from_Z(z).mendeleev_no for z in range(1, ELEMENTS + 1)])


@dataclass(frozen=True)
class Oxidation:
    """The ``smact14`` oxidation states ``states (100, S)`` padded with 0, Pauling
    electronegativities ``(100,)`` (NaN: unknown), and SMACT's ``metal (100,)`` flags."""

    states: np.ndarray
    electronegativity: np.ndarray
    metal: np.ndarray


@cache
def oxidation() -> Oxidation:
    """The tables that ``smact_validity(oxidation_states_set="smact14")`` reads."""
    import smact
    from pymatgen.core import Element

    symbols = [Element.from_Z(z).symbol for z in range(1, ELEMENTS + 1)]
    elements = [smact.Element(symbol) for symbol in symbols]
    states = [element.oxidation_states_smact14 or [] for element in elements]
    padded = np.zeros((ELEMENTS, max(map(len, states))), dtype=np.int64)
    for row, values in zip(padded, states, strict=True):
        row[: len(values)] = values
    affinity = [element.pauling_eneg for element in elements]
    return Oxidation(
        states=padded,
        electronegativity=np.array([np.nan if v is None else v for v in affinity], dtype=float),
        metal=np.array([symbol in smact.metals for symbol in symbols]),
    )
