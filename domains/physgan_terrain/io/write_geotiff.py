"""GeoTIFF, tiled and compressed, written strip of tiles by strip of tiles."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from physgan.errors import InputError, RunError
from physgan_terrain.io.rows import Rows, Source, regroup, rows_of
from physgan_terrain.io.sidecar import Facts
from physgan_terrain.io.whole import whole_files

TILE = 256
CACHE_MB = 64
"""GDAL's block cache; its own default is a share of the machine's memory."""


def write_geotiff(path: Path, source: Source, facts: Facts | None = None) -> list[Path]:
    """Write one band in metres: float32, or uint16 with scale and offset tags for whole numbers.

    Cell size, crs and origin become the transform; ``facts`` become tags in the PHYSGAN namespace
    (anything but text as JSON). Memory is bounded by a strip of 256 rows and GDAL's cache of
    64 MB, whatever the size. Returns the path. Raises InputError for an unknown crs or a stream of
    the wrong size.
    """
    import rasterio
    from rasterio.windows import Window

    rows = rows_of(source)
    width = rows.shape[1]
    with whole_files(path) as (draft,):
        with (
            rasterio.Env(GDAL_CACHEMAX=CACHE_MB),
            rasterio.open(draft, "w", **_profile(rows, path)) as target,
        ):
            if rows.step is not None:
                target.scales, target.offsets = (rows.step,), (rows.offset,)
            target.units = ("metre",)
            done = 0
            for block in regroup(rows.checked(), TILE):
                target.write(block, 1, window=Window(0, done, width, len(block)))  # pyright: ignore[reportCallIssue]
                done += len(block)
            target.update_tags(ns="PHYSGAN", **_tags(facts))
        _check_last_tile(draft, path)
    return [path]


def _profile(rows: Rows, path: Path) -> dict[str, Any]:
    from rasterio.crs import CRS
    from rasterio.errors import CRSError
    from rasterio.transform import Affine

    try:
        crs = None if rows.crs is None else CRS.from_user_input(rows.crs)
    except CRSError as error:
        raise InputError(
            f"unknown crs {rows.crs!r}", where=str(path), fix="e.g. EPSG:32632"
        ) from error
    x, y = rows.origin or (0.0, 0.0)
    height, width = rows.shape
    floating = rows.step is None
    return {
        "driver": "GTiff", "count": 1, "height": height, "width": width,
        "dtype": "float32" if floating else "uint16", "predictor": 3 if floating else 2,
        "crs": crs, "transform": Affine(rows.cell, 0.0, x, 0.0, -rows.cell, y),
        "tiled": True, "blockxsize": TILE, "blockysize": TILE, "compress": "deflate", "zlevel": 1,
        "bigtiff": "if_safer",
    }  # fmt: skip


def _tags(facts: Facts | None) -> dict[str, str]:
    found = facts() if callable(facts) else facts or {}
    return {
        name: value if isinstance(value, str) else json.dumps(value)
        for name, value in found.items()
    }


def _check_last_tile(draft: Path, path: Path) -> None:
    """GDAL only logs what fails at close, on a full disk say; the last tile is then unreadable."""
    import rasterio
    from rasterio.errors import RasterioError

    try:
        with rasterio.open(draft) as written:
            corner = ((written.height - 1, written.height), (written.width - 1, written.width))
            readable = bool(np.isfinite(written.read(1, window=corner)).all())
    except RasterioError as error:
        raise RunError(f"could not write {path}: the disk did not take all of it") from error
    if not readable:
        raise RunError(f"could not write {path}: its last tile does not read back")
