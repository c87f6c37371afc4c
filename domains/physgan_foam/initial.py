"""Label fields of Voronoi foams."""

from __future__ import annotations

import numpy as np

from physgan_foam.labels import Labels


def voronoi_labels(bubbles: int, shape: tuple[int, int], seed: int) -> Labels:
    """The periodic Voronoi foam of ``bubbles`` uniform points at the pixel centres of ``shape (H,
    W)``: at each the nearest point. The first frame of a solver's run from
    ``solver.initial.voronoi``. Raises InputError below 8 bubbles."""
    from scipy.spatial import KDTree

    from physgan_foam.solver.initial import uniform_sites

    tree = KDTree(uniform_sites(bubbles, shape, seed), boxsize=shape[::-1])
    x = np.arange(shape[1]) + 0.5
    rows = [tree.query(np.column_stack([x, np.full_like(x, y + 0.5)]))[1] for y in range(shape[0])]
    return np.stack(rows).astype(np.int32)
