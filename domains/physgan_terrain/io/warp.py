"""Grids in degrees, feet or turned: resampled to square metres in the local UTM zone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from physgan.errors import InputError
from physgan_terrain.io.raster import Raster, at, is_metric

if TYPE_CHECKING:
    from rasterio.crs import CRS

_METRES_PER_DEGREE = 111_320.0
_EDGE_POINTS = 65


def target_crs(raster: Raster) -> CRS | None:
    """The crs to resample into: its own where that is metric, else UTM of its centre (WGS 84).

    None where the place is unknown. Without a crs longitude and latitude are assumed.
    """
    from rasterio.crs import CRS
    from rasterio.warp import transform

    if raster.transform is None:
        return None
    if raster.crs is not None and is_metric(raster):
        return raster.crs
    height, width = raster.z.shape
    x, y = at(raster.transform, width / 2, height / 2)
    longitude, latitude = transform(_crs(raster), CRS.from_epsg(4326), [x], [y])[:2]
    if not (np.isfinite([longitude[0], latitude[0]]).all() and abs(latitude[0]) <= 84):
        return None
    zone = int((longitude[0] + 180) % 360 // 6) + 1
    return CRS.from_epsg((32600 if latitude[0] >= 0 else 32700) + zone)


def natural_cell(raster: Raster) -> float:
    """The north-south spacing in metres, to two digits: what 3 arc-seconds are is 93."""
    assert raster.transform is not None
    spacing = float(np.hypot(raster.transform.b, raster.transform.e))
    if raster.crs is None or raster.crs.is_geographic:
        spacing *= _METRES_PER_DEGREE
    else:
        spacing *= raster.crs.linear_units_factor[1]
    return float(f"{spacing:.2g}")


def warp(raster: Raster, cell: float | None, path: Path) -> Raster:
    """``raster`` (without holes) resampled to square cells of ``cell`` metres, cubic.

    The result is the largest upright rectangle inside the source's outline, so that it has no
    empty corners. Raises InputError without ``cell``, where the place is unknown or beyond UTM
    (84 degrees), or where nothing would be left.
    """
    from rasterio.transform import Affine
    from rasterio.warp import Resampling, reproject

    crs = target_crs(raster)
    if raster.transform is None or crs is None:
        raise InputError("its place is unknown or beyond UTM", where=str(path), fix="a crs")
    if cell is None:
        size = natural_cell(raster)
        raise InputError("no cell size to resample to", where=str(path), fix=f"cell={size:g}")
    west, south, east, north = _inner_bounds(raster, crs)
    width, height = int((east - west) / cell), int((north - south) / cell)
    if min(width, height) < 3:
        raise InputError(
            f"at {cell:g} m nothing is left of its {north - south:.0f} x {east - west:.0f} m",
            where=str(path),
            fix="smaller cells",
        )
    transform = Affine(cell, 0.0, west, 0.0, -cell, north)
    z = np.full((height, width), np.nan, dtype=np.float32)
    reproject(
        raster.z, z, src_transform=raster.transform, src_crs=_crs(raster), dst_transform=transform,
        dst_crs=crs, src_nodata=np.nan, dst_nodata=np.nan, resampling=Resampling.cubic,
    )  # fmt: skip
    return Raster(z, transform=transform, crs=crs)


def _crs(raster: Raster) -> CRS:
    from rasterio.crs import CRS

    return raster.crs or CRS.from_epsg(4326)


def _inner_bounds(raster: Raster, crs: CRS) -> tuple[float, float, float, float]:
    """West, south, east, north of an upright rectangle inside the outline, half a cell off it."""
    from rasterio.warp import transform

    assert raster.transform is not None
    height, width = raster.z.shape
    along = np.linspace(0.5, width - 0.5, _EDGE_POINTS)
    down = np.linspace(0.5, height - 0.5, _EDGE_POINTS)
    edges = [(along, 0 * along + 0.5), (along, 0 * along + height - 0.5),
             (0 * down + 0.5, down), (0 * down + width - 0.5, down)]  # fmt: skip
    placed: list[NDArray[np.float64]] = []
    for columns, rows in edges:
        x, y = at(raster.transform, columns, rows)
        placed.append(
            np.array(
                transform(_crs(raster), crs, np.asarray(x).tolist(), np.asarray(y).tolist())[:2]
            )
        )
    top, bottom = sorted(placed[:2], key=lambda edge: -edge[1].mean())
    left, right = sorted(placed[2:], key=lambda edge: edge[0].mean())
    return left[0].max(), bottom[1].max(), right[0].min(), top[1].min()
