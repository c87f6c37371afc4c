"""Whether aligned designs look like a family: by position (a profile) and by pairs (couplings)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from physgan.errors import InputError
from physgan_protein.alphabet import AMINO_ACIDS, encode

LETTERS = len(AMINO_ACIDS)


@dataclass(frozen=True)
class Profile:
    """``shares (L, 20)`` of each residue at each position, and their log odds against the
    background, ``bits (L, 20)``."""

    shares: NDArray[np.float64]
    bits: NDArray[np.float64]

    @classmethod
    def fit(cls, family: Sequence[str], pseudocount: float = 1.0) -> Profile:
        """From sequences of one length. The background are their residues in all; ``pseudocount``
        rows of it are added to each position. InputError unless that is above 0."""
        if pseudocount <= 0:
            raise InputError(f"pseudocount={pseudocount:g}", fix="a number above 0")
        hot = one_hot(family)
        background = hot.sum(axis=(0, 1)) + 1.0
        background /= background.sum()
        counts = hot.sum(axis=0) + pseudocount * background
        shares = counts / counts.sum(axis=1, keepdims=True)
        return cls(shares, np.log2(shares / background))

    def score(self, sequences: Sequence[str]) -> NDArray[np.float64]:
        """Log odds, summed over positions, ``(n,)`` in bits."""
        return self._sum(sequences, self.bits)

    def log_density(self, sequences: Sequence[str]) -> NDArray[np.float64]:
        """Logarithm of the probability of each sequence, positions apart, ``(n,)`` in nats."""
        return self._sum(sequences, np.log(self.shares))

    def _sum(self, sequences: Sequence[str], table: NDArray[np.float64]) -> NDArray[np.float64]:
        hot = one_hot(sequences)
        if hot.shape[1] != len(table):
            raise InputError(f"{hot.shape[1]} residues against a profile of {len(table)}")
        return np.einsum("nla,la->n", hot, table)


def mutual_information(sequences: Sequence[str]) -> NDArray[np.float64]:
    """Of each pair of columns, ``(L, L)`` in bits; on the diagonal each column's entropy."""
    hot = one_hot(sequences)
    n, length, _ = hot.shape
    flat = hot.reshape(n, -1)
    joint = (flat.T @ flat / n).reshape(length, LETTERS, length, LETTERS)
    single = hot.mean(axis=0)
    found = np.zeros((length, length))
    for i in range(length):
        pair = joint[i].transpose(1, 0, 2)
        apart = single[i][None, :, None] * single[:, None, :]
        ratio = np.divide(pair, apart, out=np.ones_like(pair), where=pair > 0)
        found[i] = (pair * np.log2(ratio)).sum(axis=(1, 2))
    return found


def coupling_correlation(designs: Sequence[str], family: Sequence[str]) -> float:
    """Pearson's r between the two sets' mutual information over pairs of columns; NaN where one
    set has none, or there are fewer than three pairs."""
    a, b = (mutual_information(part) for part in (designs, family))
    upper = np.triu_indices(len(a), 1)
    x, y = a[upper], b[upper]
    if len(x) < 3 or x.std() < 1e-12 or y.std() < 1e-12:
        return float("nan")
    return float(np.corrcoef(x, y)[0, 1])


def one_hot(sequences: Sequence[str]) -> NDArray[np.float64]:
    """``(n, L, 20)`` of sequences of one length; InputError for several or none."""
    lengths = {len(sequence) for sequence in sequences}
    if len(lengths) != 1:
        raise InputError(
            "a profile needs aligned sequences of one length",
            where=f"{len(lengths)} different lengths",
        )
    return np.eye(LETTERS)[encode(sequences, lengths.pop())]
