"""How near two sequences are, as a Euclidean distance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from physgan_protein import alphabet

MOST_ALIGNED = 64
"""Length up to which aligned sequences are compared position by position."""


def fingerprints(sequences: Sequence[str], length: int, *, aligned: bool) -> NDArray[np.float32]:
    """``(n, F)``: of short aligned sequences one-hots whose squared distance is the Hamming
    distance, of others the square roots of the shares of their residue pairs (Hellinger)."""
    if aligned and length <= MOST_ALIGNED:
        flat = alphabet.one_hot(alphabet.encode(sequences, length)).flatten(1).numpy()
        return (flat / np.sqrt(2)).astype(np.float32)
    size = alphabet.PAD
    found = np.zeros((len(sequences), size * size + size), dtype=np.float32)
    for row, sequence in enumerate(sequences):
        tokens = alphabet.encode([sequence], len(sequence))[0]
        pairs = np.bincount(tokens[:-1] * size + tokens[1:], minlength=size * size)
        single = np.bincount(tokens, minlength=size)
        found[row, : size * size] = pairs / max(1, len(sequence) - 1)
        found[row, size * size :] = single / len(sequence)
    return np.sqrt(found)
