"""Surfaces that tests of files write and read back: ``hilly`` in metres, ``whole`` in steps."""

import numpy as np

from physgan_terrain.heightmap import Heightmap
from physgan_terrain.io import Quantised

UTM = "EPSG:32632"
ORIGIN = (400_000.0, 5_000_000.0)


def hilly(height=40, width=50, seed=0):
    z = np.random.default_rng(seed).normal(3, 80, (height, width)).cumsum(0)
    return Heightmap(z.astype(np.float32), 90.0, UTM, ORIGIN)


def whole(height=40, width=50, step=0.1, offset=-20.0, seed=0):
    values = np.random.default_rng(seed).integers(0, 65536, (height, width)).astype(np.uint16)
    return Quantised(values, step, offset, 90.0, UTM, ORIGIN)
