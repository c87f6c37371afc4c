"""A heightmap as a grid of triangles: one vertex per cell centre, y up, x east, z south.

That is glTF's right-handed frame; metres from the centre of the grid, so that float32 is exact to
fractions of a millimetre, and heights over sea level.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from physgan.errors import InputError
from physgan_terrain.heightmap import Heightmap
from physgan_terrain.io.rows import check_finite

MAX_VERTICES = 2049 * 2049
"""Above it viewers give up; a height raster is the better form."""


def check_mesh(heightmap: Heightmap, where: str) -> None:
    """Raises InputError above MAX_VERTICES vertices and where a height is not a number."""
    shape = heightmap.shape
    count = shape[0] * shape[1]
    if count > MAX_VERTICES:
        raise InputError(
            f"a mesh of {shape[0]} x {shape[1]} has {count:,} vertices, more than {MAX_VERTICES:,}",
            where=where,
            fix="at most 2049 x 2049; write a raster format, or cut or coarsen the heightmap",
        )
    check_finite(heightmap, where)


def plane(heightmap: Heightmap) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """x (W,) of the columns and z (H,) of the rows, in metres from the centre."""
    height, width = heightmap.shape
    x = (np.arange(width, dtype=np.float64) - (width - 1) / 2) * heightmap.cell
    z = (np.arange(height, dtype=np.float64) - (height - 1) / 2) * heightmap.cell
    return x, z


def row_triangles(row: int, width: int) -> NDArray[np.uint32]:
    """The 2 (W - 1) triangles (n, 3) between ``row`` and the next, counter-clockwise from above."""
    north_west = row * width + np.arange(width - 1, dtype=np.uint32)
    north_east, south_west = north_west + 1, north_west + width
    south_east = south_west + 1
    first = np.stack([north_west, south_west, north_east], axis=1)
    second = np.stack([north_east, south_west, south_east], axis=1)
    return np.stack([first, second], axis=1).reshape(-1, 3).astype(np.uint32)


def normals(heightmap: Heightmap) -> NDArray[np.float32]:
    """Unit normals (H, W, 3) from central differences, one-sided at the edges."""
    south, east = np.gradient(heightmap.z, heightmap.cell)
    upward = np.stack([-east, np.ones_like(east), -south], axis=-1)
    upward /= np.linalg.norm(upward, axis=-1, keepdims=True)
    return upward.astype(np.float32)
