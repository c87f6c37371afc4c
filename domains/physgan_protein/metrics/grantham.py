"""How unlike two residues are: Grantham's distance of composition, polarity and volume.

Grantham, Science 185, 862 (1974), with its weights; the scale makes the mean over all pairs 100.
An exchange of small distance is conservative: it is more often tolerated, in any protein, which
helps where measurements say little.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from physgan_protein.alphabet import AMINO_ACIDS

FIGURES = {
    "S": (1.42, 9.2, 32.0), "R": (0.65, 10.5, 124.0), "L": (0.0, 4.9, 111.0),
    "P": (0.39, 8.0, 32.5), "T": (0.71, 8.6, 61.0), "A": (0.0, 8.1, 31.0),
    "V": (0.0, 5.9, 84.0), "G": (0.74, 9.0, 3.0), "I": (0.0, 5.2, 111.0),
    "F": (0.0, 5.2, 132.0), "Y": (0.20, 6.2, 136.0), "C": (2.75, 5.5, 55.0),
    "H": (0.58, 10.4, 96.0), "Q": (0.89, 10.5, 85.0), "N": (1.33, 11.6, 56.0),
    "K": (0.33, 11.3, 119.0), "D": (1.38, 13.0, 54.0), "E": (0.92, 12.3, 83.0),
    "M": (0.0, 5.7, 105.0), "W": (0.13, 5.4, 170.0),
}  # fmt: skip
"""Composition (atomic weight ratio), polarity, molecular volume in cubic angstrom."""
WEIGHTS = np.array([1.833, 0.1018, 0.000399])
SCALE = 50.723


def grantham() -> NDArray[np.float64]:
    """The distances ``(20, 20)`` in the order of AMINO_ACIDS."""
    table = np.array([FIGURES[letter] for letter in AMINO_ACIDS])
    gap = table[:, None] - table[None]
    return SCALE * np.sqrt((WEIGHTS * gap**2).sum(axis=2))


def exchange_distance(
    tokens: NDArray[np.int64], reference: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The sum of distances over the exchanges of ``tokens (n, L)`` from ``reference (L,)``,
    ``(n,)``; an exchange that involves a gap counts as the mean, 100."""
    size = len(AMINO_ACIDS)
    table = np.full((size + 1, size + 1), 100.0)
    table[:size, :size] = grantham()
    np.fill_diagonal(table, 0.0)
    return table[np.minimum(tokens, size), np.minimum(reference, size)].sum(axis=1)
