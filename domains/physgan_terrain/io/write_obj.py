"""A heightmap as a Wavefront OBJ text mesh."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from physgan_terrain.heightmap import Heightmap
from physgan_terrain.io.mesh import check_mesh, plane, row_triangles
from physgan_terrain.io.whole import whole_files


def write_obj(path: Path, heightmap: Heightmap) -> list[Path]:
    """Write vertices (metres, y up, heights to 0.1 mm) and triangles; return the path.

    Raises InputError above ``mesh.MAX_VERTICES`` vertices.
    """
    check_mesh(heightmap, str(path))
    height, width = heightmap.shape
    x, z = plane(heightmap)
    vertex, face = "v %.10g %.4f %.10g\n" * width, "f %d %d %d\n" * (2 * (width - 1))
    with whole_files(path) as (draft,), draft.open("w", encoding="ascii", newline="\n") as file:
        file.write(f"# {height} x {width} vertices, metres, x east, y up, z south\n")
        for row in range(height):
            corners = np.stack([x, heightmap.z[row], np.full(width, z[row])], axis=1)
            file.write(vertex % tuple(corners.ravel().tolist()))
        for row in range(height - 1):
            file.write(face % tuple((row_triangles(row, width) + 1).ravel().tolist()))
    return [path]
