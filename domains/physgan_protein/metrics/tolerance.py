"""How likely a protein is to tolerate exchanges, from what holds in any protein.

Where measurements say little, three things that all scans of mutants agree on still do: exchanges
of like residues (Grantham's distance) cost least; hydrophobic residues lie inside and are replaced
at a cost (hydropathy; Kyte & Doolittle, J. Mol. Biol. 157, 105 (1982)); proline breaks helices and
strands (Gray et al., Genetics 207, 53 (2017), for all three). No figure here is fitted to data.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from physgan.scales import in_deviations
from physgan_protein.alphabet import AMINO_ACIDS, encode
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


def plausibility(designs: Sequence[str], shares: Scores, predicted: Scores | None = None) -> Scores:
    """Which of ``designs`` are likeliest to work, ``(n,)``, by what each adds in deviations over
    all of them: log density under the ``shares (L, 20)`` of residues in a family, positions apart;
    the three ``costs`` of exchanges from its consensus together; if given, what is ``predicted
    (n,)``. A ranking of these designs: shifts mean nothing."""
    tokens = encode(designs, len(shares))
    found = costs(tokens, shares.argmax(axis=1)).T
    tolerance = -np.sum([standardised(cost) for cost in found], axis=0)
    density = np.log(shares)[np.arange(len(shares)), tokens].sum(axis=1)
    score = standardised(density) + standardised(tolerance)
    return score if predicted is None else score + standardised(predicted)


def standardised(values: Scores) -> Scores:
    """``values (n,)`` in deviations from their mean; zeros where all are equal."""
    return in_deviations(torch.from_numpy(values)).numpy()
