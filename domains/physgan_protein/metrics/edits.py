"""Distances between sequences, and what a set of designs makes of them: diversity and novelty.

Levenshtein: Kirjner et al., ICLR 2024 ("GGS"), and Bogensperger et al., ICML 2025 ("VLGPO").
Hamming, with medians in place of means: Lee et al., ICML 2024 ("LatProtRL").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from physgan.errors import InputError

CHUNK = 512


def levenshtein(a: Sequence[str], b: Sequence[str]) -> NDArray[np.int32]:
    """Insertions, deletions and exchanges from each of ``a`` to each of ``b``, ``(n, m)``."""
    try:
        from rapidfuzz.distance import Levenshtein
        from rapidfuzz.process import cdist
    except ModuleNotFoundError as error:
        raise InputError(
            "distances between sequences need rapidfuzz", fix='pip install "physgan[protein]"'
        ) from error
    return cdist(a, b, scorer=Levenshtein.distance, dtype=np.int32)


def hamming(a: Sequence[str], b: Sequence[str]) -> NDArray[np.int32]:
    """Differing positions ``(n, m)`` of sequences of one length.

    Raises InputError for several lengths.
    """
    lengths = {len(sequence) for sequence in (*a, *b)}
    if len(lengths) > 1:
        raise InputError(f"Hamming distance of lengths {min(lengths)} and {max(lengths)}")
    left, right = (np.array([list(s.encode()) for s in part], np.uint8) for part in (a, b))
    rows = [(left[i : i + 1] != right).sum(axis=1) for i in range(len(left))]
    return np.array(rows, dtype=np.int32).reshape(len(a), len(b))


def diversity(sequences: Sequence[str]) -> float:
    """Mean Levenshtein distance over all pairs of different rows; NaN for fewer than two."""
    return _off_diagonal(levenshtein, sequences, np.mean)


def hamming_diversity(sequences: Sequence[str]) -> float:
    """Median Hamming distance over the same pairs (LatProtRL's form)."""
    return _off_diagonal(hamming, sequences, np.median)


def _off_diagonal(
    distance: Callable[[Sequence[str], Sequence[str]], NDArray[np.int32]],
    sequences: Sequence[str],
    reduce: Callable[[NDArray[np.int32]], Any],
) -> float:
    if len(sequences) < 2:
        return float("nan")
    table = distance(sequences, sequences)
    return float(reduce(table[~np.eye(len(table), dtype=bool)]))


def nearest(
    designs: Sequence[str], training: Sequence[str]
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Levenshtein distance of each design to its nearest training row, and which row, ``(n,)``."""
    if not training:
        raise InputError("no training sequences to be near to")
    least, which = [], []
    for first in range(0, len(designs), CHUNK):
        table = levenshtein(designs[first : first + CHUNK], training)
        which.append(table.argmin(axis=1))
        least.append(table.min(axis=1))
    none = np.zeros(0, np.int32)
    return np.concatenate([none, *least]), np.concatenate([none.astype(np.int64), *which])


def novelty(designs: Sequence[str], training: Sequence[str]) -> float:
    """Median over designs of the Levenshtein distance to the nearest training row; NaN for none.

    The reference are the rows that the task trains on, not all that are known: a wild type that is
    not among them counts as novel.
    """
    return float(np.median(nearest(designs, training)[0])) if len(designs) else float("nan")


def high_novelty(designs: Sequence[str], best: Sequence[str]) -> float:
    """Median Hamming distance to the nearest of ``best`` (LatProtRL: the first 128 rows of the top
    decile)."""
    return float(np.median(hamming(designs, best).min(axis=1)))


def identity(a: str, b: str) -> float:
    """Percent of columns of a global alignment with fewest edits that agree; the denominator is
    the length of the alignment, gaps included."""
    from rapidfuzz.distance import Levenshtein

    kinds = [step.tag for step in Levenshtein.editops(a, b)]
    columns = len(a) + kinds.count("insert")
    return 100 * (columns - len(kinds)) / max(columns, 1)


def unique_share(sequences: Sequence[str]) -> float:
    """Distinct over all, before any filter."""
    return len(set(sequences)) / len(sequences) if len(sequences) else float("nan")
