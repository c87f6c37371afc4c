"""Build the terrain sample: simulated landscapes of seven classes, and matplotlib's real DEM.

``python datasets/terrain/build.py --out domains/physgan_terrain/data/tiles.npz`` takes about two
minutes; the card goes beside the archive.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, zoom

from physgan_terrain.baselines.landscape import Drainage, Law, drainage, evolve

HERE = Path(__file__).parent
CELL, SIDE, STEP = 90.0, 64, 0.5
ACROSS = 3
"""Tiles along each side of a world."""
MARGIN = 12
"""Cells outside them, as rivers run straight towards the edge that they leave by."""
HELD_OUT = 5
"""Each fifth world of a kind is one of ``val``."""
BREAKS = ((900.0, "alpine"), (300.0, "mountain"), (90.0, "hills"), (0.0, "plain"))
"""Relief in m of a tile of 5.76 km above which it is called so."""
BLUR = 0.6
"""Cells; what a radar sees as one spot is wider than a cell."""
CHANNEL = 2e6
"""m2 that a channel drains whose bed may be buried."""
Field = NDArray[np.float64]


@dataclass(frozen=True)
class Tile:
    """Heights ``z (64, 64)`` in m; ``place`` is the world or the map that it was cut from."""

    z: Field
    label: str
    split: str
    place: str


def swells(rng: np.random.Generator, side: int, cells: float) -> Field:
    """A smooth random field in 0..1 ``(side, side)``, its lumps about ``cells`` wide.

    On a grid of 2^-20, so that the last digits of one machine do not grow into other rivers.
    """
    count = int(np.ceil(side / cells)) + 3
    wide = zoom(rng.random((count, count)), cells, order=3)
    top, left = (int(rng.integers(0, wide.shape[0] - side + 1)) for _ in range(2))
    field = wide[top : top + side, left : left + side]
    low, high = field.min(), field.max()
    return np.round((field - low) / (high - low) * 2**20) / 2**20


def drawn(rng: np.random.Generator, value: Any) -> float:
    """``value``, or one between its two, evenly in the logarithm."""
    if not isinstance(value, list):
        return float(value)
    low, high = np.log(value)
    return float(f"{np.exp(low + (high - low) * rng.random()):.6g}")


def cones(rng: np.random.Generator, side: int, height: float) -> tuple[Field, Field]:
    """Volcanoes with craters on rough ground, and the distance to the next one over its radius."""
    i, j = np.mgrid[:side, :side]
    z = 80 * swells(rng, side, 60)
    nearest = np.full((side, side), np.inf)
    for share in (1.0, *rng.uniform(0.15, 0.6, int(rng.integers(0, 4)))):
        y, x = rng.uniform(0.25, 0.75, 2) * side
        radius = (0.3 + 0.3 * share) * side
        r = np.hypot(i - y, (j - x) * rng.uniform(0.8, 1.25)) / radius
        r = r * (0.8 + 0.4 * swells(rng, side, 50))
        crater = 0.08 * np.exp(-((r / 0.05) ** 2))
        z += share * height * (np.exp(-3 * np.sqrt(r**2 + 4e-4)) - crater)
        nearest = np.minimum(nearest, r)
    # Flows of lava leave the flanks rough; on smooth ones water would run along the grid.
    z += 0.05 * height * (swells(rng, side, 3) + swells(rng, side, 7) + swells(rng, side, 16))
    return np.round(z * 2**10) / 2**10, nearest


def bury(z: Field, water: Drainage, depth: float) -> Field:
    """``z`` with sediment of ``depth`` m on the beds of channels, level across their valleys."""
    bed = z.ravel().copy()
    for k in water.order:
        if water.area[k] < CHANNEL:
            bed[k] = bed[water.receiver[k]]
    return np.maximum(z, gaussian_filter(bed.reshape(z.shape), 2) + depth)


def world(kind: dict[str, Any], seed: list[int]) -> tuple[Field, Field]:
    """Heights in m of one world without its margin, and 1 in each cell that is in its setting."""
    rng = np.random.default_rng(seed)
    side = ACROSS * SIDE + 2 * MARGIN
    setting = np.ones((side, side))
    base = np.zeros((side, side), dtype=bool)
    z = 5 * swells(rng, side, 24) + rng.random((side, side))
    if kind["start"] == "table":
        z += drawn(rng, kind["height"]) + 120 * swells(rng, side, 90)
    elif kind["start"] == "cones":
        hills, near = cones(rng, side, drawn(rng, kind["height"]))
        z, setting = z + hills, (near < 0.75).astype(np.float64)
    if kind["outlets"] == "sea":
        i, j = np.mgrid[:side, :side] / side
        across = np.cos(turn := rng.uniform(0, 2 * np.pi)) * i + np.sin(turn) * j
        land = 0.25 * across + swells(rng, side, 75) + 0.15 * swells(rng, side, 24)
        base = land < np.quantile(land, drawn(rng, kind["sea"]))
        z[base] = 0.0
    elif kind["outlets"] == "sides":
        base[:: side - 1 if rng.random() < 0.5 else side] = True
        base[:, 0] = True
        z[base] = 0.0
    else:
        base[[0, -1]] = base[:, [0, -1]] = True
    hardness = drawn(rng, kind["uneven"]) ** (2 * swells(rng, side, 20) - 1)
    swell = drawn(rng, kind["swell"]) ** (2 * swells(rng, side, 70) - 1)
    failing = np.tan(np.radians(drawn(rng, kind["critical"]) * (0.9 + 0.2 * swells(rng, side, 16))))
    law = Law(
        uplift=drawn(rng, kind["uplift"]) * np.round(swell * 2**20) / 2**20,
        erodibility=drawn(rng, kind["erodibility"]) * np.round(hardness * 2**20) / 2**20,
        diffusivity=drawn(rng, kind["diffusivity"]),
        critical=np.round(failing * 2**20) / 2**20,
    )
    tilt = 0.4 * rng.random((side, side))
    z = evolve(z, base, law, CELL, kind["years"], kind["steps"], tilt)
    if kind["alluvium"]:
        z = bury(z, drainage(z, base, CELL, tilt), drawn(rng, kind["alluvium"]))
    z = gaussian_filter(z, BLUR)
    if kind["outlets"] == "sea":
        z = np.maximum(z - drawn(rng, kind["drowned"]), 0.0)
    inner = slice(MARGIN, side - MARGIN)
    return z[inner, inner], setting[inner, inner]


def tiles_of(kind: dict[str, Any], seed: int, at: int, number: int) -> list[Tile]:
    """The tiles of world ``number`` of the kind that is ``at``-th in ``worlds.toml``."""
    z, setting = world(kind, [seed, at, number])
    split = "val" if number % HELD_OUT == HELD_OUT - 1 else "train"
    place = f"{kind['name']}-{number}"
    found = []
    for top in range(0, ACROSS * SIDE, SIDE):
        for left in range(0, ACROSS * SIDE, SIDE):
            part = slice(top, top + SIDE), slice(left, left + SIDE)
            label = label_of(z[part], kind.get("label", ""), float(setting[part].mean()))
            if label:
                found.append(Tile(z[part], label, split, place))
    return found


def label_of(z: Field, named: str, share: float) -> str:
    """The class of a tile, "" for one that is not kept: nearly flat, or most of it sea.

    5 to 60 % sea is a coast; then comes ``named``, the setting that ``share`` of the tile lies in
    (a plateau is mostly high, too); then relief.
    """
    relief = float(np.ptp(z))
    sea = float((z <= 0).mean())
    if relief < 3 or sea > 0.6:
        return ""
    if sea >= 0.05:
        return "coast"
    high = float((z.mean() - z.min()) / relief)
    if named == "volcanic" and share >= 0.5:
        return named
    if named == "plateau" and high >= 0.45 and relief >= 90:
        return named
    return next(name for least, name in BREAKS if relief > least or not least)


def jacksboro() -> list[Tile]:
    """Tiles of the DEM (SRTM, 3 seconds) that matplotlib carries, on 90 m; the east is ``val``."""
    from matplotlib.cbook import get_sample_data
    from rasterio.crs import CRS
    from rasterio.transform import from_origin

    from physgan_terrain.io.raster import Raster
    from physgan_terrain.io.warp import warp

    name = "jacksboro_fault_dem.npz"
    dem = get_sample_data(name)
    corner = from_origin(float(dem["xmin"]), float(dem["ymax"]), float(dem["dx"]), float(dem["dy"]))
    heights = dem["elevation"].astype(np.float32)
    raster = Raster(heights, transform=corner, crs=CRS.from_epsg(4326))
    z = warp(raster, CELL, Path(name)).z.astype(np.float64)
    rows, columns = (n // SIDE for n in z.shape)
    found = []
    for i in range(rows):
        for j in range(columns):
            part = z[i * SIDE : (i + 1) * SIDE, j * SIDE : (j + 1) * SIDE]
            split = "val" if j == columns - 1 else "train"
            found.append(Tile(part, label_of(part, "", 0.0), split, "jacksboro"))
    return found


def pack(tiles: list[Tile]) -> dict[str, NDArray[Any]]:
    """The arrays of the archive: ``z = offset + step n`` in m."""
    steps = np.rint(np.stack([tile.z for tile in tiles]) / STEP)
    least = steps.min(axis=(1, 2))
    return {
        "n": (steps - least[:, None, None]).astype(np.uint16),
        "step": np.array(STEP),
        "offset": least * STEP,
        "cell": np.array(CELL),
        "label": np.array([tile.label for tile in tiles]),
        "split": np.array([tile.split for tile in tiles]),
        "place": np.array([tile.place for tile in tiles]),
    }


def archive(arrays: dict[str, NDArray[Any]]) -> bytes:
    """An .npz that is the same each time: LZMA, without dates."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_LZMA) as file:
        for name, array in arrays.items():
            part = io.BytesIO()
            np.lib.format.write_array(part, array, allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy")
            entry.compress_type = zipfile.ZIP_LZMA
            file.writestr(entry, part.getvalue())
    return whole.getvalue()


def build(seed: int) -> dict[str, NDArray[Any]]:
    """The arrays of all worlds and of the real map."""
    kinds = tomllib.loads((HERE / "worlds.toml").read_text())["kind"]
    tiles = jacksboro()
    for at, kind in enumerate(kinds):
        for number in range(kind["worlds"]):
            tiles += tiles_of(kind, seed, at, number)
        print(f"{kind['name']:10s} {len(tiles):4d} tiles in all", flush=True)
    return pack(tiles)


def card(arrays: dict[str, NDArray[Any]], data: bytes, seed: int) -> dict[str, Any]:
    """What ``card.toml`` says, with the figures of this build."""
    told = tomllib.loads((HERE / "card.toml").read_text())
    names, counts = np.unique(arrays["label"], return_counts=True)
    return told | {
        "sha256": hashlib.sha256(data).hexdigest(),
        "rows": len(arrays["label"]),
        "held_out": int((arrays["split"] == "val").sum()),
        "classes": dict(zip(names.tolist(), counts.tolist(), strict=True)),
        "seed": seed,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    arrays = build(options.seed)
    data = archive(arrays)
    told = card(arrays, data, options.seed)
    options.out.write_bytes(data)
    options.out.with_suffix(".toml").write_text(tomli_w.dumps(told))
    print(f"{told['classes']}, {len(data)} bytes, sha256 {told['sha256']}")


if __name__ == "__main__":
    main()
