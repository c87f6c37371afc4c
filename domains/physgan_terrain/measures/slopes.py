"""Horn slopes of stacks of tiles."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from physgan_terrain.slope.operators import horn

from .stacks import as_stack


def horn_slopes(z: ArrayLike, cell: float) -> NDArray[np.float64]:
    """Horn slope in degrees of the interior cells ``(N, H-2, W-2)`` of ``z (N, H, W)``."""
    return np.stack([np.asarray(horn(tile, cell), dtype=np.float64) for tile in as_stack(z)])
