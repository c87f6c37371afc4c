"""One call for every format a heightmap is written in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from physgan.errors import InputError
from physgan_terrain.heightmap import Heightmap
from physgan_terrain.io.engines import check_engine
from physgan_terrain.io.mesh import check_mesh
from physgan_terrain.io.rows import Quantised, round_heights
from physgan_terrain.io.write_geotiff import write_geotiff
from physgan_terrain.io.write_gltf import write_gltf
from physgan_terrain.io.write_npy import write_npy
from physgan_terrain.io.write_obj import write_obj
from physgan_terrain.io.write_png import write_png
from physgan_terrain.io.write_raw import write_raw

SUFFIXES = {
    "geotiff": ".tif", "geotiff16": ".tif", "png": ".png", "raw": ".r16", "obj": ".obj",
    "gltf": ".glb", "npy": ".npy",
}  # fmt: skip
"""Format names and the suffix of their files; ``geotiff16``, ``png`` and ``raw`` hold integers."""

_WHOLE = {"geotiff16", "png", "raw"}
_OTHER_SUFFIXES = {".tiff": "geotiff", ".raw": "raw"}


def write(
    heightmap: Heightmap,
    target: Path | str,
    formats: Sequence[str] = (),
    *,
    quantised: Quantised | None = None,
    sidecar: Mapping[str, Any] | None = None,
    engine: str | None = None,
    stem: str = "terrain",
) -> list[Path]:
    """Write ``heightmap`` in each of ``formats`` and return the paths written.

    ``target`` is a folder that gets ``<stem>.tif``, ``<stem>.png`` and so on (``<stem>_16.tif`` for
    ``geotiff16`` beside ``geotiff``), or, for one format, a file whose suffix says which. The
    16-bit formats hold ``quantised`` bit for bit; without it heights are rounded, which keeps no
    slope limit. ``sidecar`` goes into every sidecar, the GeoTIFF's tags and the glTF's extras.
    Nothing is written where a format is unknown or does not take the size: InputError.
    """
    target = Path(target)
    paths = _paths(target, list(dict.fromkeys(formats)), stem)
    _check(heightmap, paths, quantised, engine)
    if quantised is None and _WHOLE & set(paths):
        quantised = round_heights(heightmap)
    facts = dict(sidecar or {})
    writers: dict[str, Callable[[Path], list[Path]]] = {
        "geotiff": lambda path: write_geotiff(path, heightmap, facts),
        "geotiff16": lambda path: write_geotiff(path, quantised or heightmap, facts),
        "png": lambda path: write_png(path, quantised or heightmap, facts),
        "raw": lambda path: write_raw(path, quantised or heightmap, facts, engine),
        "obj": lambda path: write_obj(path, heightmap),
        "gltf": lambda path: write_gltf(path, heightmap, facts),
        "npy": lambda path: write_npy(path, heightmap, facts),
    }
    return [made for name, path in paths.items() for made in writers[name](path)]


def _paths(target: Path, formats: list[str], stem: str) -> dict[str, Path]:
    unknown = [name for name in formats if name not in SUFFIXES]
    if unknown:
        raise InputError(f"unknown format {unknown[0]!r}", fix=f"one of {', '.join(SUFFIXES)}")
    of_suffix = {suffix: name for name, suffix in reversed(SUFFIXES.items())} | _OTHER_SUFFIXES
    named = of_suffix.get(target.suffix.lower())
    if named and not target.is_dir():
        if len(formats) > 1 or (formats and SUFFIXES[formats[0]] != SUFFIXES[named]):
            raise InputError(
                f"{', '.join(formats)} cannot all be this one file",
                where=str(target),
                fix="give a folder",
            )
        return {formats[0] if formats else named: target}
    if not formats:
        raise InputError(
            "no format given",
            where=str(target),
            fix=f"formats of {', '.join(SUFFIXES)}, or a file name that ends in one of "
            + ", ".join(sorted(of_suffix)),
        )
    if target.exists() and not target.is_dir():
        raise InputError("is a file, not a folder", where=str(target))
    both = {"geotiff", "geotiff16"} <= set(formats)
    return {
        name: target / f"{stem}{'_16' if both and name == 'geotiff16' else ''}{SUFFIXES[name]}"
        for name in formats
    }


def _check(
    heightmap: Heightmap, paths: dict[str, Path], quantised: Quantised | None, engine: str | None
) -> None:
    for name in {"obj", "gltf"} & set(paths):
        check_mesh(heightmap, str(paths[name]))
    if engine is not None and "raw" in paths:
        check_engine(heightmap.shape, engine, str(paths["raw"]))
    if quantised is not None and quantised.values.shape != heightmap.shape:
        raise InputError(
            f"whole-number heights of shape {quantised.values.shape} for {heightmap.shape}"
        )
    if quantised is not None and quantised.cell != heightmap.cell:
        raise InputError(f"whole-number heights at {quantised.cell} m for {heightmap.cell} m")
