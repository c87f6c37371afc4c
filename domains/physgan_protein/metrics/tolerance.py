"""How likely a protein is to tolerate exchanges, from what holds in any protein.

Where measurements say little, three things that all scans of mutants agree on still do: exchanges
of like residues (Grantham's distance) cost least; hydrophobic residues lie inside and are replaced
at a cost (hydropathy; Kyte & Doolittle, J. Mol. Biol. 157, 105 (1982)); proline breaks helices and
strands (Gray et al., Genetics 207, 53 (2017), for all three). No figure here is fitted to data.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from physgan_protein.alphabet import AMINO_ACIDS, encode
from physgan_protein.metrics.family import Profile
from physgan_protein.metrics.grantham import exchange_distance
from physgan_protein.peptides.scales import HYDROPATHY

PROLINE = AMINO_ACIDS.index("P")
Scores = NDArray[np.float64]


def costs(tokens: NDArray[np.int64], reference: NDArray[np.int64]) -> Scores:
    """Sums over the exchanges of ``tokens (n, L)`` from ``reference (L,)``, ``(n, 3)``: Grantham's
    distance, hydropathy of the residue replaced (of a gap 0), prolines that come in."""
    exchanged = tokens != reference
    hydropathy = np.append(HYDROPATHY.numpy(), 0.0)[reference]
    return np.stack(
        [
            exchange_distance(tokens, reference),
            exchanged @ hydropathy,
            (exchanged & (tokens == PROLINE)).sum(axis=1).astype(np.float64),
        ],
        axis=1,
    )


def plausibility(
    designs: Sequence[str],
    family: Sequence[str],
    reference: NDArray[np.int64],
    predicted: Scores | None = None,
) -> Scores:
    """Which of ``designs`` are likeliest to work, ``(n,)``, by what each adds in deviations over
    all of them: log density under ``family`` (positions apart), the three ``costs`` together and,
    if given, what is ``predicted (n,)``. A ranking of these designs: shifts mean nothing."""
    tokens = encode(designs, len(reference))
    tolerance = -np.sum([standardised(cost) for cost in costs(tokens, reference).T], axis=0)
    score = standardised(Profile.fit(family).log_density(designs)) + standardised(tolerance)
    return score if predicted is None else score + standardised(predicted)


def standardised(values: Scores) -> Scores:
    """``values (n,)`` in deviations from their mean; zeros where all are equal."""
    return (values - values.mean()) / max(float(values.std()), 1e-9)
