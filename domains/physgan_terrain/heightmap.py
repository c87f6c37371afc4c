"""The native sample of the terrain domain."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from physgan.errors import InputError


@dataclass(frozen=True, eq=False)
class Heightmap:
    """Heights ``z (H, W)`` in metres over sea level on square cells of ``cell`` metres.

    Row 0 is the northern edge, column 0 the western one. ``crs`` is a coordinate reference system
    as rasterio reads it, ``origin`` the (x, y) of the outer north-west corner in it, ``label`` the
    landscape class where it is known.
    """

    z: NDArray[np.floating]
    cell: float
    crs: str | None = None
    origin: tuple[float, float] | None = None
    label: str | None = None

    def __post_init__(self) -> None:
        z = np.asarray(self.z, dtype=np.float32)
        if z.ndim != 2 or min(z.shape) < 3:
            raise InputError(f"a heightmap is a grid of at least 3 x 3 cells, not {z.shape}")
        if not self.cell > 0:
            raise InputError(f"the cell size is {self.cell} m", fix="a length in metres above 0")
        object.__setattr__(self, "z", z)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.z.shape[0], self.z.shape[1]

    def with_heights(self, z: NDArray[np.floating]) -> Heightmap:
        """The same place with other heights."""
        return replace(self, z=np.asarray(z, dtype=np.float32))
