"""Sinks of a heightmap: how much of it holds water, and the share of pits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from physgan_terrain.slope.fill import fill

from .hypsometry import relief
from .stacks import as_stack

_NEIGHBOURS = [(i, j) for i in (0, 1, 2) for j in (0, 1, 2) if (i, j) != (1, 1)]


@dataclass(frozen=True)
class Sinks:
    """Per tile ``(N,)``: share of cells raised by filling, mean raise in m over all cells, and
    that raise over the tile's relief (0 for a flat tile)."""

    share: NDArray[np.float64]
    depth: NDArray[np.float64]
    relative_depth: NDArray[np.float64]


def sinks(z: ArrayLike) -> Sinks:
    """What a priority flood (Barnes et al. 2014) from the border raises in ``z (N, H, W)``."""
    stack = as_stack(z)
    share, depth = np.empty(len(stack)), np.empty(len(stack))
    for i, tile in enumerate(stack):
        raised = np.asarray(fill(tile), dtype=np.float64) - tile
        share[i] = (raised > 0).mean()
        depth[i] = raised.mean()
    height = relief(stack)
    relative = np.divide(depth, height, out=np.zeros(len(stack)), where=height > 0)
    return Sinks(share, depth, relative)


def pit_share(z: ArrayLike) -> NDArray[np.float64]:
    """Share ``(N,)`` of interior cells that lie strictly below all eight neighbours."""
    stack = as_stack(z)
    height, width = stack.shape[1:]
    inner = stack[:, 1:-1, 1:-1]
    pit = np.ones(inner.shape, dtype=bool)
    for i, j in _NEIGHBOURS:
        pit &= inner < stack[:, i : i + height - 2, j : j + width - 2]
    return pit.mean(axis=(1, 2))
