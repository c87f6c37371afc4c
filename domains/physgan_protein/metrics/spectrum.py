"""Sets of sequences by their k-mers: maximum mean discrepancy and reciprocal ranks.

Kucera et al., Bioinformatics 38, 3454 (2022), "ProteoGAN": 3-mer counts of each sequence, scaled
to length 1, and a linear kernel, under which MMD is the distance of the mean maps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from physgan.errors import InputError
from physgan_protein.alphabet import AMINO_ACIDS, encode

LETTERS = len(AMINO_ACIDS)


def spectrum(sequences: Sequence[str], k: int = 3) -> Any:
    """The map of each sequence, sparse ``(n, 20 ** k)`` of rows of length 1, or 0 where a sequence
    is shorter than ``k``. Residues are the twenty; InputError for others."""
    from scipy.sparse import csr_array

    rows, codes = [], []
    weights = LETTERS ** np.arange(k)
    for row, sequence in enumerate(sequences):
        if len(sequence) < k:
            continue
        tokens = encode([sequence], len(sequence))[0]
        found = np.lib.stride_tricks.sliding_window_view(tokens, k) @ weights
        codes.append(found)
        rows.append(np.full(len(found), row))
    shape = (len(sequences), LETTERS**k)
    if not rows:
        return csr_array(shape)
    at = np.concatenate(rows), np.concatenate(codes)
    counts = csr_array((np.ones(len(at[0])), at), shape=shape)
    counts.sum_duplicates()
    norm = np.sqrt(np.asarray(counts.multiply(counts).sum(axis=1)).ravel())
    return counts.multiply(1 / np.where(norm > 0, norm, 1)[:, None]).tocsr()


def mmd(a: Sequence[str], b: Sequence[str], k: int = 3) -> float:
    """|mean map of ``a`` - mean map of ``b``|, 0 to sqrt(2)."""
    left, right = _means([a, b], k)
    return float(np.linalg.norm(left - right))


def mmd_test(
    a: Sequence[str], b: Sequence[str], k: int = 3, draws: int = 200, seed: int = 0
) -> tuple[float, float]:
    """``mmd`` and its p under exchange of the sets: (1 + draws at least as far) / (1 + draws)."""
    maps = spectrum([*a, *b], k)
    n, m = len(a), len(b)
    if not n or not m:
        raise InputError("two sets are compared, and one is empty")
    weights = np.concatenate([np.full(n, 1 / n), np.full(m, -1 / m)])
    random = np.random.default_rng(seed)
    table = np.stack([weights, *(random.permutation(weights) for _ in range(draws))])
    far = np.linalg.norm((maps.T @ table.T), axis=0)
    # What is equal but for rounding counts as at least as far.
    p = (1 + int((far[1:] >= far[0] - 1e-12).sum())) / (1 + draws)
    return float(far[0]), p


def mean_reciprocal_rank(
    designs: Mapping[str, Sequence[str]], reference: Mapping[str, Sequence[str]], k: int = 3
) -> float:
    """How well designs of a label can be told to be of it: all labels' ``reference`` groups are
    ranked by MMD to them, and 1 / rank of the right one is averaged over labels of ``designs``.

    1 is the best; 1 / n * sum of 1 / r that of chance among n labels.
    """
    labels = list(reference)
    missing = [label for label in designs if label not in reference]
    if missing or not designs:
        raise InputError(f"no reference of the label {missing[0] if missing else ''!r}")
    known = _means([reference[label] for label in labels], k)
    ranks = []
    for label, own in zip(designs, _means(list(designs.values()), k), strict=True):
        far = np.linalg.norm(known - own, axis=1)
        ranks.append(1 + int((far < far[labels.index(label)]).sum()))
    return float(np.mean(1 / np.array(ranks)))


def _means(sets: Sequence[Sequence[str]], k: int) -> NDArray[np.float64]:
    if not all(len(part) for part in sets):
        raise InputError("a set of sequences to compare is empty")
    return np.stack([np.asarray(spectrum(part, k).mean(axis=0)).ravel() for part in sets])
