"""Whether a sequence is one that could be made and is not degenerate."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from torch import Tensor

from physgan_protein.alphabet import bad_residue

LONGEST_RUN = 5
"""Equal residues in a row that are nothing unusual."""


def longest_run(sequence: str) -> int:
    """The most equal residues in a row."""
    return max((len(list(same)) for _, same in itertools.groupby(sequence)), default=0)


def entropy(sequence: str) -> float:
    """Shannon entropy of the residues in bits (Wootton & Federhen, 1993, as SEG's K2)."""
    total = len(sequence)
    shares = (count / total for count in Counter(sequence).values())
    return -sum(p * math.log2(p) for p in shares)


def checks(sequence: str, lengths: Tensor, longest: int, least_entropy: float) -> dict[str, bool]:
    """Named checks: the alphabet, one of the ``lengths (L,)``, the longest run, the entropy."""
    size = len(sequence)
    return {
        "alphabet": bad_residue(sequence) is None,
        "length": 0 < size <= len(lengths) and bool(lengths[size - 1]),
        "runs": longest_run(sequence) <= longest,
        "complexity": entropy(sequence) >= least_entropy - 1e-9,
    }


def floor_of(sequences: Sequence[str], most: int = 5000) -> tuple[int, float]:
    """The longest run and the least entropy that a sequence may have: 5, or what 99 % of at most
    ``most`` of ``sequences`` have."""
    some = sequences[:: max(1, len(sequences) // most)]
    runs = np.quantile([longest_run(s) for s in some], 0.99)
    floor = np.quantile([entropy(s) for s in some], 0.01)
    return max(LONGEST_RUN, math.ceil(runs)), float(floor)
