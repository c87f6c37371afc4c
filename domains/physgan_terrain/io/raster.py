"""What a file reader hands on: heights with holes, and how they lie on the ground."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from physgan.errors import InputError
from physgan_terrain.heightmap import Heightmap

if TYPE_CHECKING:
    from rasterio.crs import CRS
    from rasterio.transform import Affine

Nodata = Literal["refuse", "fill"]
_VOIDS = (-32768.0, -32767.0)
_LARGEST = 1e5
_SAME_CELL = 1e-3
"""Relative difference up to which two cell sizes are one, as UTM files round theirs."""


@dataclass(frozen=True, eq=False)
class Raster:
    """Heights (H, W) in metres, NaN where there are none, and their place.

    Either ``cell`` (metres) is known, or ``transform`` (and mostly ``crs``) of a georeferenced
    file, or neither.
    """

    z: NDArray[np.float32]
    cell: float | None = None
    transform: Affine | None = None
    crs: CRS | None = None


def void(z: NDArray[np.float32], values: NDArray, nodata: float | None) -> NDArray[np.float32]:
    """``z`` with NaN where the file's ``values`` mean "no height".

    That is ``nodata`` where the file declares one (-9999 where it does not), the void marks of SRTM
    (-32768, -32767) and everything beyond 100 km.
    """
    marks = (*_VOIDS, -9999.0 if nodata is None else nodata)
    hole = ~(np.abs(z) <= _LARGEST)
    for mark in marks:
        hole |= values == mark
    z[hole] = np.nan
    return z


def mend(z: NDArray[np.float32], nodata: Nodata, path: Path) -> NDArray[np.float32]:
    """``z`` without holes: refused with their number and the first, or filled.

    Filled by inverse-distance interpolation from the rims (``rasterio.fill.fillnodata``).
    Raises InputError also where no cell holds a height.
    """
    hole = np.isnan(z)
    count = int(hole.sum())
    if not count:
        return z
    if count == z.size:
        raise InputError("no cell holds a height", where=str(path))
    if nodata == "refuse":
        row, column = np.argwhere(hole)[0]
        raise InputError(
            f"{count:,} of {z.size:,} cells hold no height, the first at row {row}, "
            f"column {column}",
            where=str(path),
            fix='fill them with nodata="fill", or cut the file to where it has data',
        )
    from rasterio.fill import fillnodata

    filled = fillnodata(
        np.where(hole, 0, z).astype(np.float32), mask=~hole, max_search_distance=max(z.shape)
    )
    return np.where(hole, filled, z).astype(np.float32)


def place(raster: Raster, cell: float | None, path: Path) -> Heightmap:
    """A Heightmap on square cells in metres, north up.

    Raises InputError for degrees, feet, a turned grid, cells that are not square, a cell size that
    nothing states or that contradicts ``cell``.
    """
    where = str(path)
    if raster.transform is None:
        return Heightmap(raster.z, _agreed(raster.cell, cell, where))
    check_metric(raster, cell, path)
    t, z = raster.transform, raster.z
    if t.b or t.d:
        raise InputError("the grid is turned", where=where, fix=_warp_hint(raster, cell, path))
    if abs(abs(t.a) - abs(t.e)) > _SAME_CELL * abs(t.a):
        raise InputError(
            f"cells of {abs(t.a):.6g} x {abs(t.e):.6g} m are not square",
            where=where,
            fix=_warp_hint(raster, cell, path),
        )
    west, north = t.c, t.f
    if t.e > 0:
        z, north = z[::-1], t.f + t.e * len(z)
    if t.a < 0:
        z, west = z[:, ::-1], t.c + t.a * z.shape[1]
    crs = None if raster.crs is None else raster.crs.to_string()
    origin = None if crs is None and (west, north) == (0.0, 0.0) else (west, north)
    return Heightmap(np.ascontiguousarray(z), _agreed(abs(t.a), cell, where), crs, origin)


def is_metric(raster: Raster) -> bool:
    """Whether the grid's own unit is the metre, as far as the file tells."""
    if raster.transform is None:
        return True
    if raster.crs is None:
        return not _looks_like_degrees(raster)
    return not raster.crs.is_geographic and abs(raster.crs.linear_units_factor[1] - 1) < 1e-9


def check_metric(raster: Raster, cell: float | None, path: Path) -> None:
    """Raises InputError with the gdalwarp command where the grid is not in metres."""
    if is_metric(raster):
        return
    if raster.crs is None or raster.crs.is_geographic:
        assert raster.transform is not None
        what = f"cells of {abs(raster.transform.a):.6g} degrees: slopes need metres"
    else:
        what = f"the grid is in {raster.crs.linear_units_factor[0]}, not in metres"
    raise InputError(what, where=str(path), fix=_warp_hint(raster, cell, path))


def at(transform: Affine, column: Any, row: Any) -> tuple[Any, Any]:
    """x and y of the point ``column`` cells right of the outer corner and ``row`` cells below."""
    t = transform
    return t.a * column + t.b * row + t.c, t.d * column + t.e * row + t.f


def _agreed(found: float | None, cell: float | None, where: str) -> float:
    if found is None and cell is None:
        raise InputError("no cell size", where=where, fix="give the cell size in metres")
    if cell is not None and not cell > 0:
        raise InputError(f"the cell size is {cell} m", where=where, fix="above 0")
    if found is None or cell is None:
        return float(found or cell or 0.0)
    if abs(found - cell) > _SAME_CELL * cell:
        raise InputError(
            f"its cells are {found:.6g} m, not {cell:.6g} m",
            where=where,
            fix="leave the cell size out, or give reproject=True to resample",
        )
    return float(found)


def _looks_like_degrees(raster: Raster) -> bool:
    t, (height, width) = raster.transform, raster.z.shape
    assert t is not None
    corners = [at(t, column, row) for column in (0, width) for row in (0, height)]
    return abs(t.a) < 0.05 and all(abs(x) <= 361 and abs(y) <= 91 for x, y in corners)


def _warp_hint(raster: Raster, cell: float | None, path: Path) -> str:
    from physgan_terrain.io.warp import natural_cell, target_crs

    crs = target_crs(raster)
    size = f"{cell if cell is not None else natural_cell(raster):g}"
    source = "" if raster.crs else "-s_srs EPSG:4326 "
    target = crs.to_string() if crs else "EPSG:<your UTM zone>"
    return (
        f"reproject it: reproject=True with cell={size}, or gdalwarp {source}-t_srs {target} "
        f"-tr {size} {size} -r cubic {path.name} {path.stem}_utm.tif"
    )
