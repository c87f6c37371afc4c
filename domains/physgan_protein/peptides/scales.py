"""Tables of the twenty amino acids, in the order of ``AMINO_ACIDS``.

- HYDROPATHY: Kyte & Doolittle, J. Mol. Biol. 157, 105 (1982).
- EISENBERG: normalised consensus hydrophobicity, Eisenberg et al., J. Mol. Biol. 179, 125 (1984).
- MASS: average mass of the residue in Da (the amino acid less water).
- pK: Bjellqvist et al., Electrophoresis 14, 1023 (1993) and 15, 529 (1994), as ProtParam uses
  them; the ends depend on their residue.
- ALIPHATIC: Ikai, J. Biochem. 88, 1895 (1980), relative volumes of aliphatic side chains.
- CRIPPEN .. ROTATABLE: what a residue inside a linear chain with free ends adds to the figures of
  rdkit (2026.09): Crippen's logP, polar surface (Ertl, A^2), donors, acceptors, rotatable bonds.
  These figures are additive over residues; WATER and FIRST_PROLINE say what the ends add.
"""

from __future__ import annotations

import torch
from torch import Tensor

from physgan_protein.alphabet import AMINO_ACIDS


def _table(text: str) -> Tensor:
    """Twenty numbers in the order of the alphabet, float64."""
    values = torch.tensor([float(word) for word in text.split()], dtype=torch.float64)
    assert len(values) == len(AMINO_ACIDS)
    return values


def _sparse(default: float, **given: float) -> Tensor:
    return _table(" ".join(str(given.get(letter, default)) for letter in AMINO_ACIDS))


#                    A     C     D      E     F    G     H     I    K
HYDROPATHY = _table("1.8   2.5  -3.5  -3.5   2.8 -0.4  -3.2   4.5 -3.9 "
                    "3.8   1.9  -3.5  -1.6  -3.5 -4.5  -0.8  -0.7  4.2 -0.9 -1.3")  # fmt: skip
#                    L     M     N     P     Q    R     S     T    V    W    Y
EISENBERG = _table("0.62   0.29 -0.90 -0.74  1.19 0.48 -0.40  1.38 -1.50 "
                   "1.06   0.64 -0.78  0.12 -0.85 -2.53 -0.18 -0.05 1.08 0.81 0.26")  # fmt: skip
MASS = _table("71.0779 103.1429 115.0874 129.1140 147.1739 57.0513 137.1393 113.1576 128.1723 "
              "113.1576 131.1961 114.1026 97.1152 128.1292 156.1857 87.0773 101.1039 99.1311 "
              "186.2099 163.1733")  # fmt: skip
WATER_MASS = 18.01528

PK_POSITIVE = _sparse(-1e3, K=10.0, R=12.0, H=5.98)
PK_NEGATIVE = _sparse(1e3, D=4.05, E=4.45, C=9.0, Y=10.0)
PK_FIRST = _sparse(7.5, A=7.59, M=7.0, S=6.93, P=8.36, T=6.82, V=7.44, E=7.7)
PK_LAST = _sparse(3.55, D=4.55, E=4.75)
ALIPHATIC = _sparse(0.0, A=1.0, V=2.9, I=3.9, L=3.9)

CRIPPEN = _table("-0.4953 -0.5854 -1.0405 -0.6504 0.7275 -0.8838 -0.5494 0.5309 -0.3862 0.5309 "
                 "0.2379 -1.6398 -0.0090 -1.2497 -1.25193 -1.5229 -1.1344 0.1408 1.2088 "
                 "0.4331")  # fmt: skip
POLAR_SURFACE = _table("29.10 29.10 66.40 66.40 29.10 29.10 57.78 29.10 55.12 29.10 29.10 72.19 "
                       "20.31 72.19 91.00 49.33 49.33 29.10 44.89 49.33")  # fmt: skip
DONORS = _table("1 2 2 2 1 1 2 1 2 1 1 2 0 2 4 2 2 1 2 2")
ACCEPTORS = _table("1 2 2 2 1 1 2 1 2 1 2 2 1 2 2 2 2 1 1 2")
ROTATABLE = _table("2 3 4 5 4 2 4 4 6 4 5 4 1 5 6 3 3 3 4 4")

WATER = {"logp": -0.0865, "tpsa": 34.22, "donors": 1.0, "acceptors": 1.0, "rotatable_bonds": -1.0}
"""What the two free ends add."""
FIRST_PROLINE = {"logp": -0.0815, "tpsa": -5.2, "donors": 1.0, "rotatable_bonds": 1.0}
"""What is added besides where the first residue is proline, whose amine is a ring's."""
