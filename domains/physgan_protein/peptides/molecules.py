"""Peptides as molecules by rdkit: descriptors, Morgan fingerprints, pictures.

Meant for linear peptides up to some fifty residues; of larger chains the drug-like figures say
nothing. Importing this module without rdkit raises InputError with the command that installs it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from physgan.errors import InputError
from physgan_protein.alphabet import AMINO_ACIDS, bad_residue

try:
    from rdkit import Chem
    from rdkit.Chem import Descriptors, rdFingerprintGenerator
    from rdkit.Chem.Draw import rdMolDraw2D
except ModuleNotFoundError as error:
    raise InputError(
        "peptides as molecules need rdkit, which is not installed",
        fix='pip install "physgan[protein]"',
    ) from error

RDKIT = {
    "mass": "MolWt",
    "logp": "MolLogP",
    "tpsa": "TPSA",
    "donors": "NumHDonors",
    "acceptors": "NumHAcceptors",
    "rotatable_bonds": "NumRotatableBonds",
    "fraction_sp3": "FractionCSP3",
}
"""Da, none, A^2, and counts, of the uncharged molecule with free ends, by rdkit's name."""
DESCRIPTORS = {name: dict(Descriptors.descList)[theirs] for name, theirs in RDKIT.items()}
RADIUS, BITS = 2, 2048


def molecule(sequence: str) -> Chem.Mol:
    """The linear peptide of upper-case one-letter codes, free at both ends.

    Raises InputError for a letter that is no amino acid and for an empty sequence.
    """
    if not sequence or bad_residue(sequence):
        raise InputError(
            f"{sequence[:60]!r} is no sequence of amino acids", fix=f"letters of {AMINO_ACIDS}"
        )
    return Chem.MolFromSequence(sequence)


def descriptors(
    sequences: Sequence[str], names: Sequence[str] = tuple(DESCRIPTORS)
) -> dict[str, NDArray[np.float64]]:
    """Each descriptor of ``names`` as ``(n,)``."""
    unknown = [name for name in names if name not in DESCRIPTORS]
    if unknown:
        raise InputError(
            f"no descriptor called {unknown[0]!r}", fix=f"one of {', '.join(DESCRIPTORS)}"
        )
    molecules = [molecule(sequence) for sequence in sequences]
    return {
        name: np.array([DESCRIPTORS[name](each) for each in molecules], dtype=np.float64)
        for name in names
    }


def fingerprints(
    sequences: Sequence[str], radius: int = RADIUS, bits: int = BITS
) -> NDArray[np.bool_]:
    """Morgan fingerprints ``(n, bits)`` (Rogers & Hahn, J. Chem. Inf. Model. 50, 742, 2010)."""
    make = rdFingerprintGenerator.GetMorganGenerator(radius=radius, fpSize=bits)
    rows = [make.GetFingerprintAsNumPy(molecule(sequence)) for sequence in sequences]
    return np.array(rows, dtype=bool).reshape(len(rows), bits)


def tanimoto(left: NDArray[np.bool_], right: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Shared over joint bits of each pair of rows, ``(n, m)``; two empty rows are alike."""
    shared = left.astype(np.float32) @ right.astype(np.float32).T
    joint = left.sum(1)[:, None] + right.sum(1)[None, :] - shared
    return np.where(joint > 0, shared / np.maximum(joint, 1), 1.0).astype(np.float64)


def diversity(sequences: Sequence[str]) -> float:
    """Mean Tanimoto distance of all pairs of the sequences, 0 to 1; NaN for fewer than two."""
    if len(sequences) < 2:
        return float("nan")
    alike = tanimoto(bits := fingerprints(sequences), bits)
    pairs = len(sequences) * (len(sequences) - 1)
    return float(1 - (alike.sum() - np.trace(alike)) / pairs)


def novelty(sequences: Sequence[str], reference: Sequence[str]) -> NDArray[np.float64]:
    """Tanimoto distance of each sequence to the nearest of ``reference``, ``(n,)``."""
    if not reference:
        raise InputError("novelty against no reference at all")
    return 1 - tanimoto(fingerprints(sequences), fingerprints(reference)).max(axis=1)


def picture(sequence: str, width: int = 900, height: int = 500) -> str:
    """The structural formula as SVG text, ``width`` by ``height`` pixels."""
    drawing = rdMolDraw2D.MolDraw2DSVG(width, height)
    rdMolDraw2D.PrepareAndDrawMolecule(drawing, molecule(sequence))
    drawing.FinishDrawing()
    return drawing.GetDrawingText()
