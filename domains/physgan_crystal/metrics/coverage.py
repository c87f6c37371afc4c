"""Coverage of a test set by generated crystals, as the CDVAE benchmark defines it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import cdist


class Cutoffs(NamedTuple):
    """Largest fingerprint distances at which two crystals count as alike."""

    struct: float
    comp: float


CUTOFFS = {
    "mp_20": Cutoffs(0.4, 10.0),
    "carbon_24": Cutoffs(0.2, 4.0),
    "perov_5": Cutoffs(0.2, 4.0),
}


class Coverage(NamedTuple):
    """Shares in percent, mean nearest distances, and each generated crystal's two distances."""

    recall: float
    precision: float
    amsd_recall: float
    amsd_precision: float
    amcd_recall: float
    amcd_precision: float
    struct_distance: np.ndarray
    comp_distance: np.ndarray


def nearest(
    generated: np.ndarray, reference: np.ndarray, rows: int = 512
) -> tuple[np.ndarray, np.ndarray]:
    """Euclidean distance to the nearest of the other set: (n,) and (m,), for (n,F) and (m,F).

    Only `rows` x m distances are held at a time.
    """
    per_generated = np.full(len(generated), np.inf)
    per_reference = np.full(len(reference), np.inf)
    if len(reference):
        for start in range(0, len(generated), rows):
            block = cdist(generated[start : start + rows], reference)
            per_generated[start : start + rows] = block.min(axis=1)
            np.minimum(per_reference, block.min(axis=0), out=per_reference)
    return per_generated, per_reference


def coverage(
    struct: np.ndarray,
    comp: np.ndarray,
    reference_struct: np.ndarray,
    reference_comp: np.ndarray,
    cutoffs: Cutoffs,
    generated: int,
) -> Coverage:
    """COV-R, COV-P, AMSD and AMCD of crystals that have fingerprints.

    `struct` (n,61) and `comp` (n,132) belong to the generated crystals that have a fingerprint,
    `generated` >= n counts all that were made.

    Two habits of the published script are kept, or the figures could not be compared. A crystal
    counts as covered when its nearest structure and its nearest composition are both within the
    cutoffs, although these two may be *different* crystals. And precision is the number of good
    crystals divided by `generated`, so those without a fingerprint count as bad.
    """
    struct_own, struct_back = nearest(struct, reference_struct)
    comp_own, comp_back = nearest(comp, reference_comp)
    covered = (struct_back <= cutoffs.struct) & (comp_back <= cutoffs.comp)
    good = (struct_own <= cutoffs.struct) & (comp_own <= cutoffs.comp)

    def mean(values: np.ndarray) -> float:
        return float(values.mean()) if len(values) else float("nan")

    return Coverage(
        recall=100.0 * mean(covered.astype(float)),
        precision=100.0 * float(good.sum()) / generated if generated else float("nan"),
        amsd_recall=mean(struct_back),
        amsd_precision=mean(struct_own),
        amcd_recall=mean(comp_back),
        amcd_precision=mean(comp_own),
        struct_distance=struct_own,
        comp_distance=comp_own,
    )
