"""Reading and writing of heightmaps."""

from physgan_terrain.io.engines import ENGINE_SIZES, engines_for, nearest_size
from physgan_terrain.io.folder import Folder, read_folder
from physgan_terrain.io.read import read_heightmap
from physgan_terrain.io.rows import Quantised, Rows, round_heights
from physgan_terrain.io.tiles import Tiles, read_tiles
from physgan_terrain.io.write import SUFFIXES, write
from physgan_terrain.io.write_geotiff import write_geotiff
from physgan_terrain.io.write_gltf import write_gltf
from physgan_terrain.io.write_npy import write_npy
from physgan_terrain.io.write_obj import write_obj
from physgan_terrain.io.write_png import write_png
from physgan_terrain.io.write_raw import write_raw

__all__ = [
    "ENGINE_SIZES",
    "SUFFIXES",
    "Folder",
    "Quantised",
    "Rows",
    "Tiles",
    "engines_for",
    "nearest_size",
    "round_heights",
    "read_folder",
    "read_heightmap",
    "read_tiles",
    "write",
    "write_geotiff",
    "write_gltf",
    "write_npy",
    "write_obj",
    "write_png",
    "write_raw",
]
