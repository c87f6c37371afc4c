"""One reader per file format: heights in metres with NaN where there are none."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from physgan.errors import InputError
from physgan_terrain.io.raster import Raster, void
from physgan_terrain.io.rows import to_metres
from physgan_terrain.io.sidecar import cell_of, read_sidecar, scale_of

if TYPE_CHECKING:
    from rasterio.io import DatasetReader

Scale = tuple[float | None, float | None]
"""(metres per count, height of value 0) from the caller; None leaves it to the file."""
_HGT_SIDES = {1201: 3, 3601: 1}
_METRES = {"", "m", "metre", "metres", "meter", "meters"}


def read_geotiff(path: Path, cell: float | None, scale: Scale) -> Raster:
    """Band 1 of a one-band GeoTIFF; scale and offset tags hold unless ``scale`` is given.

    Raises InputError for several bands, complex values or a height unit that is not the metre.
    """
    with _opened(path) as source:
        if source.count != 1 or np.dtype(source.dtypes[0]).kind not in "iuf":
            raise InputError(
                f"{source.count} bands of {source.dtypes[0]}", where=str(path), fix="one of heights"
            )
        unit = (source.units[0] or "").strip().lower()
        if unit not in _METRES and scale[0] is None:
            raise InputError(
                f"heights in {unit!r}, not metres", where=str(path), fix="give z_scale, e.g. 0.3048"
            )
        step = source.scales[0] if scale[0] is None else scale[0]
        offset = source.offsets[0] if scale[1] is None else scale[1]
        values, nodata = _band(source, path), source.nodata
        transform, crs = source.transform, source.crs
    z = void(to_metres(values, step, offset), values, nodata)
    return Raster(z) if transform.is_identity else Raster(z, transform=transform, crs=crs)


def read_hgt(path: Path, cell: float | None, scale: Scale) -> Raster:
    """An SRTM tile: big-endian int16, 1201 or 3601 posts a side, one degree, named N46E008.hgt.

    Raises InputError for another size or a name that does not say where the tile lies.
    """
    from rasterio.crs import CRS
    from rasterio.transform import Affine

    posts = np.fromfile(path, dtype=">i2")
    side = round(len(posts) ** 0.5)
    if side not in _HGT_SIDES or side * side * 2 != path.stat().st_size:
        raise InputError(
            f"{path.stat().st_size} bytes are no SRTM tile",
            where=str(path),
            fix="1201 x 1201 or 3601 x 3601 posts of two bytes",
        )
    name = re.match(r"([NS])(\d{2})([EW])(\d{3})", path.stem.upper())
    if name is None:
        raise InputError(
            "the name does not say where the tile lies", where=str(path), fix="e.g. N46E008.hgt"
        )
    south = int(name[2]) * (1 if name[1] == "N" else -1)
    west = int(name[4]) * (1 if name[3] == "E" else -1)
    step = 1.0 / (side - 1)
    transform = Affine(step, 0.0, west - step / 2, 0.0, -step, south + 1 + step / 2)
    values = posts.reshape(side, side).astype(np.int16)
    z = void(to_metres(values, scale[0] or 1.0, scale[1] or 0.0), values, -32768.0)
    return Raster(z, transform=transform, crs=CRS.from_epsg(4326))


def read_npy(path: Path, cell: float | None, scale: Scale) -> Raster:
    """A numpy array (H, W) in metres; the cell size from the caller or a sidecar.

    Raises InputError for objects, another number of axes, or no cell size.
    """
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError("not a numpy array of numbers", where=str(path)) from error
    if not isinstance(values, np.ndarray) or values.ndim != 2 or values.dtype.kind not in "iuf":
        found = getattr(values, "shape", "an archive")
        raise InputError(f"not a grid of numbers: {found}", where=str(path), fix="(H, W)")
    with np.errstate(over="ignore", invalid="ignore"):
        z = to_metres(values, scale[0] or 1.0, scale[1] or 0.0)
    return Raster(void(z, values, None), cell=cell_of(read_sidecar(path), cell, path))


def read_png(path: Path, cell: float | None, scale: Scale) -> Raster:
    """A 16-bit grey PNG; scale and cell size from the caller or a sidecar.

    Raises InputError for 8 bits, which make terraces, and for colours.
    """
    facts = read_sidecar(path)
    with _opened(path) as source:
        if source.count != 1 or source.dtypes[0] != "uint16":
            raise InputError(
                f"{source.count} channels of {source.dtypes[0]}",
                where=str(path),
                fix="one grey channel of 16 bits: 8 bits make terraces",
            )
        values, nodata = _band(source, path), source.nodata
    z = to_metres(values, *scale_of(facts, *scale, path))
    if nodata is not None:
        z[values == nodata] = np.nan
    return Raster(z, cell=cell_of(facts, cell, path))


def read_raw(path: Path, cell: float | None, scale: Scale) -> Raster:
    """Headerless 16-bit rows; width, height and byte order from a sidecar, else a little-endian
    square. Raises InputError where the bytes do not make that grid.
    """
    facts = read_sidecar(path)
    size = path.stat().st_size
    side = round((size / 2) ** 0.5)
    width, height = int(facts.get("width", side)), int(facts.get("height", side))
    if min(width, height) < 1 or width * height * 2 != size:
        raise InputError(
            f"{size} bytes are not {height} x {width} values of two bytes",
            where=str(path),
            fix="a square, or a sidecar with width and height",
        )
    order = facts.get("byte_order", "little")
    if order not in ("little", "big"):
        raise InputError(f"byte_order is {order!r}", where=str(path), fix="little or big")
    values = np.fromfile(path, dtype="<u2" if order == "little" else ">u2").reshape(height, width)
    z = to_metres(values, *scale_of(facts, *scale, path))
    return Raster(z, cell=cell_of(facts, cell, path))


Reader = Callable[[Path, float | None, Scale], Raster]
READERS: dict[str, Reader] = {
    ".tif": read_geotiff, ".tiff": read_geotiff, ".hgt": read_hgt, ".npy": read_npy,
    ".png": read_png, ".r16": read_raw, ".raw": read_raw,
}  # fmt: skip
"""By suffix, in small letters."""


def _opened(path: Path) -> DatasetReader:
    import rasterio
    from rasterio.errors import NotGeoreferencedWarning, RasterioError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            return rasterio.open(path, driver="PNG" if path.suffix.lower() == ".png" else "GTiff")
    except RasterioError as error:
        raise InputError(f"not a readable raster: {error}", where=str(path)) from error


def _band(source: DatasetReader, path: Path) -> np.ndarray:
    from rasterio.errors import RasterioError

    try:
        return source.read(1)
    except RasterioError as error:
        raise InputError(f"its data cannot be read: {error}", where=str(path)) from error
