"""Heights as a numpy array with a sidecar."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from physgan_terrain.heightmap import Heightmap
from physgan_terrain.io.rows import check_finite, rows_of
from physgan_terrain.io.sidecar import Facts, describe, encode, sidecar_path
from physgan_terrain.io.whole import whole_files


def write_npy(path: Path, heightmap: Heightmap, facts: Facts | None = None) -> list[Path]:
    """Write float32 metres (H, W) and ``<path>.json``; return both paths.

    Raises InputError where a height is not a number.
    """
    check_finite(heightmap, str(path))
    side = sidecar_path(path)
    lowest, highest = float(heightmap.z.min()), float(heightmap.z.max())
    with whole_files(side, path) as (side_draft, draft):
        with draft.open("wb") as file:
            np.save(file, heightmap.z, allow_pickle=False)
        side_draft.write_bytes(encode(describe(rows_of(heightmap), lowest, highest, facts)))
    return [path, side]
