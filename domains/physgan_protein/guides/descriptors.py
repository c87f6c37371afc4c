"""Descriptors of the twenty residues that say how like two of them are.

- Volume in A^3: Zamyatnin, Prog. Biophys. Mol. Biol. 24, 107 (1972).
- Propensities of helix and sheet: Chou & Fasman, Adv. Enzymol. 47, 45 (1978).
- Hydropathy: Kyte & Doolittle, as in ``physgan_protein.peptides.scales``.
- Charge at pH 7, and whether the side chain is aromatic.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from physgan_protein.alphabet import AMINO_ACIDS
from physgan_protein.peptides.scales import HYDROPATHY

VOLUME = {
    "A": 88.6, "R": 173.4, "N": 114.1, "D": 111.1, "C": 108.5, "Q": 143.8, "E": 138.4, "G": 60.1,
    "H": 153.2, "I": 166.7, "L": 166.7, "K": 168.6, "M": 162.9, "F": 189.9, "P": 112.7, "S": 89.0,
    "T": 116.1, "W": 227.8, "Y": 193.6, "V": 140.0,
}  # fmt: skip
HELIX = {
    "E": 1.51, "M": 1.45, "A": 1.42, "L": 1.21, "K": 1.16, "F": 1.13, "Q": 1.11, "W": 1.08,
    "I": 1.08, "V": 1.06, "D": 1.01, "H": 1.00, "R": 0.98, "T": 0.83, "S": 0.77, "C": 0.70,
    "Y": 0.69, "N": 0.67, "P": 0.57, "G": 0.57,
}  # fmt: skip
SHEET = {
    "V": 1.70, "I": 1.60, "Y": 1.47, "F": 1.38, "W": 1.37, "L": 1.30, "C": 1.19, "T": 1.19,
    "Q": 1.10, "M": 1.05, "R": 0.93, "N": 0.89, "H": 0.87, "A": 0.83, "S": 0.75, "G": 0.75,
    "K": 0.74, "P": 0.55, "D": 0.54, "E": 0.37,
}  # fmt: skip
CHARGE = {"D": -1.0, "E": -1.0, "K": 1.0, "R": 1.0, "H": 0.1}
AROMATIC = {"F": 1.0, "H": 1.0, "W": 1.0, "Y": 1.0}


def descriptors() -> NDArray[np.float64]:
    """``(20, 6)`` in the order of the alphabet, each column with mean 0 and deviation 1."""
    tables = (VOLUME, HELIX, SHEET, CHARGE, AROMATIC)
    columns = [[table.get(letter, 0.0) for letter in AMINO_ACIDS] for table in tables]
    raw = np.column_stack([HYDROPATHY.numpy(), *columns])
    return (raw - raw.mean(axis=0)) / raw.std(axis=0)
