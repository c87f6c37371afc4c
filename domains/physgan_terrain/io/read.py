"""A heightmap from a file, in metres on square cells of known size, or a clear refusal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from physgan.errors import InputError
from physgan_terrain.heightmap import Heightmap
from physgan_terrain.io.formats import READERS
from physgan_terrain.io.raster import Nodata, Raster, is_metric, mend, place
from physgan_terrain.io.warp import warp


def read_heightmap(
    path: Path | str,
    cell: float | None = None,
    nodata: Nodata = "refuse",
    *,
    reproject: bool = False,
    z_scale: float | None = None,
    z_offset: float | None = None,
) -> Heightmap:
    """Read a GeoTIFF, SRTM ``.hgt``, ``.npy``, 16-bit PNG or 16-bit RAW.

    ``cell`` (metres) is needed where the file and its sidecar do not say it; where they do, it must
    agree. Heights are ``z_offset + z_scale * value``, by default as the file's tags or sidecar say.
    Holes are refused or, with ``nodata="fill"``, filled from their rims. A grid in degrees, every
    ``.hgt`` among them, in feet, turned or of oblong cells is refused; with ``reproject`` it is
    resampled (cubic) to ``cell`` metres in its own metric crs or the local UTM zone, and so is a
    grid of another cell size.
    Raises InputError with the file, the reason and what to do.
    """
    path = Path(path)
    if nodata not in ("refuse", "fill"):
        raise InputError(f"unknown treatment of holes: {nodata!r}", fix="refuse or fill")
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        known = ", ".join(READERS)
        raise InputError(f"unknown format {path.suffix!r}", where=str(path), fix=f"one of {known}")
    if not path.is_file():
        raise InputError("there is no such file", where=str(path))
    try:
        raster = reader(path, cell, (z_scale, z_offset))
    except OSError as error:
        raise InputError(f"not readable: {error.strerror}", where=str(path)) from error
    if min(raster.z.shape) < 3:
        raise InputError(f"a grid of {raster.z.shape} cells", where=str(path), fix="3 x 3 or more")
    if not (reproject and _needs_warp(raster, cell)):
        heightmap = place(raster, cell, path)
        return heightmap.with_heights(mend(heightmap.z, nodata, path))
    raster = warp(replace(raster, z=mend(raster.z, nodata, path)), cell, path)
    return place(replace(raster, z=mend(raster.z, "fill", path)), cell, path)


def _needs_warp(raster: Raster, cell: float | None) -> bool:
    if raster.transform is None:
        return False
    t = raster.transform
    square = not (t.b or t.d) and abs(abs(t.a) - abs(t.e)) <= 1e-3 * abs(t.a)
    same = cell is None or abs(abs(t.a) - cell) <= 1e-3 * cell
    return not (is_metric(raster) and square and same)
