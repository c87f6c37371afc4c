"""Mutants of training sequences and of their consensus.

The third baseline, a genetic algorithm on the same predictor, is ``physgan.design.evolution.climb``
(and ``evolve`` where an oracle is asked instead).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from physgan.errors import InputError
from physgan_protein.alphabet import AMINO_ACIDS, PAD, decode, encode


def random_mutants(
    rows: Sequence[str], n: int, *, edits: int = 1, fixed: Sequence[int] = (), seed: int = 0
) -> list[str]:
    """``n`` sequences ``edits`` random exchanges away from random ``rows``, one length or many.

    Positions in ``fixed``, counted from 1, stay as they are.
    """
    rng = np.random.default_rng(seed)
    chosen = [rows[int(i)] for i in rng.integers(0, len(rows), n)]
    return [_mutant(encode([row], len(row))[0], edits, None, fixed, rng) for row in chosen]


def consensus_mutants(
    rows: Sequence[str],
    n: int,
    edits: int,
    *,
    by_frequency: bool = True,
    fixed: Sequence[int] = (),
    seed: int = 0,
) -> list[str]:
    """``n`` sequences ``edits`` exchanges away from the commonest residue of each position.

    Places and residues are drawn as often as ``rows`` have them where they differ from the
    consensus, or (not ``by_frequency``) evenly. Raises InputError for rows of several lengths and
    where fewer than ``edits`` positions can change.
    """
    lengths = {len(row) for row in rows}
    if len(lengths) != 1:
        raise InputError("a consensus needs sequences of one length", fix="align them")
    tokens = encode(rows, lengths.pop())
    counts = np.stack([(tokens == word).sum(axis=0) for word in range(PAD)], axis=1).astype(float)
    common = counts.argmax(axis=1)
    counts[np.arange(len(common)), common] = 0.0
    rng = np.random.default_rng(seed)
    weights = counts if by_frequency else None
    return [_mutant(common, edits, weights, fixed, rng) for _ in range(n)]


def _mutant(
    tokens: NDArray[np.int64],
    edits: int,
    weights: NDArray[np.float64] | None,
    fixed: Sequence[int],
    rng: np.random.Generator,
) -> str:
    """``tokens (L,)`` after ``edits`` exchanges at as many places, drawn by ``weights (L, 20)``."""
    chance = np.ones((len(tokens), len(AMINO_ACIDS))) if weights is None else weights.copy()
    chance[np.arange(len(tokens)), tokens] = 0.0
    chance[[place - 1 for place in fixed]] = 0.0
    changed = tokens.copy()
    for _ in range(edits):
        if not chance.any():
            raise InputError(f"fewer than {edits} positions can change")
        pick = rng.choice(chance.size, p=(chance / chance.sum()).ravel())
        place, word = divmod(int(pick), len(AMINO_ACIDS))
        changed[place] = word
        chance[place] = 0.0
    return decode(changed[None])[0]
