"""A user's terrain as training tiles: an index of tiles, a folder of maps, or what is shipped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from tensordict import TensorDict
from torch import Tensor

from physgan.domain import Data
from physgan.errors import InputError
from physgan_terrain import exact
from physgan_terrain.heightmap import Heightmap
from physgan_terrain.lots import lots_of
from physgan_terrain.octaves import log_octaves

if TYPE_CHECKING:
    from physgan_terrain.domain import TerrainDomain

Rows = tuple[NDArray[np.float32], list[str], list[str], float, list[tuple[str, str]]]
"""Tiles (N, S, S) in metres, their classes ("" unknown), ids, cell in metres, what was refused."""
HELD_OUT = 0.15
LEAST_LIMIT = 1.0
"""Degrees; flatter tiles are not asked to be as flat as they are."""


def load_split(domain: TerrainDomain, path: Path, split: str, properties: Sequence[str]) -> Data:
    """Tiles of ``split``; the training split fits ``domain``. InputError as the readers raise."""
    z, labels, ids, cell, refused = _rows(domain, path, split)
    if not len(z):
        raise InputError(f"no tiles in the split {split!r}", where=str(path))
    height = torch.from_numpy(z)[:, None]
    fits = split == "train"
    if fits:
        known = sorted({label for label in labels if label})
        # The ten classes keep their order, so that data of some of them fit the same model.
        classes = domain.known_classes(known)
        index = _indices(labels, classes)
        domain.fit(cell, classes, height, index)
        domain.lots = lots_of(height, index, _limits(height, cell), cell)
    if abs(cell - domain.cell) > 1e-3 * domain.cell:
        raise InputError(
            f"cells of {cell:g} m, the model was trained on {domain.cell:g} m", where=str(path)
        )
    index = _indices(labels, domain.classes)
    domain.declare(properties)
    y = {p.name: p.exact({"height": height}) for p in domain.properties if p.exact is not None}  # type: ignore[arg-type]
    if any(p.name == "class" for p in domain.properties):
        y["class"] = index
    limit = _limits(height, domain.cell)
    batch = TensorDict(
        {
            "x": TensorDict({"height": height}, [len(z)]),
            "y": TensorDict(y, [len(z)]),
            "given": TensorDict({"limit": limit}, [len(z)]),
        },
        [len(z)],
    )
    samples = [Heightmap(z[row], cell, label=labels[row] or None) for row in range(len(z))]
    context = {"samples": samples, "labels": labels, "cell": cell}
    return Data(batch, ids, refused, context, _even(index))


def _limits(height: Tensor, cell: float) -> Tensor:
    return exact.steepest_edge(height, cell).clamp(min=LEAST_LIMIT)


def _rows(domain: TerrainDomain, path: Path, split: str) -> Rows:
    if path.suffix == ".csv":
        from physgan_terrain.io.tiles import read_tiles

        tiles = read_tiles(path, split if split != "test" else "val", size=domain.tile)
        ids = [f"{region}/{n}" for n, region in enumerate(tiles.region)]
        return tiles.z, [str(label) for label in tiles.label], ids, tiles.cell, []
    if path.suffix == ".npz":
        return _archive(path, split, domain.tile)
    return _folder(domain, path, split)


def _archive(path: Path, split: str, size: int) -> Rows:
    """The form that is shipped: uint16 heights with a step and an offset, classes, splits.

    Larger tiles than of ``size`` cells are cut into as many as they hold.
    """
    try:
        with np.load(path, allow_pickle=False) as found:
            parts = {name: found[name] for name in found.files}
        chosen = parts["split"] == ("val" if split == "test" else split)
        z = parts["n"][chosen] * parts["step"] + parts["offset"][chosen][:, None, None]
        labels = [str(label) for label in parts["label"][chosen]]
        cell = float(parts["cell"])
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"this is no archive of tiles: {error}",
            where=str(path),
            fix="arrays n, step, offset, label, split and cell",
        ) from error
    ids = [f"{path.stem}/{row}" for row in np.flatnonzero(chosen)]
    z = z.astype(np.float32)
    if len(z) and z.shape[1:] != (size, size):
        z, labels, ids = _cut(z, labels, ids, size, path)
    return z, labels, ids, cell, []


def _cut(
    z: NDArray[np.float32], labels: list[str], ids: list[str], size: int, path: Path
) -> tuple[NDArray[np.float32], list[str], list[str]]:
    """Tiles ``z (N, S, S)`` as tiles of ``size`` cells, row by row."""
    count, side, other = z.shape
    if side % size or other != side:
        whole = [n for n in range(32, side + 1, 32) if side % n == 0]
        raise InputError(
            f"tiles of {side} x {other} cells cannot be cut into tiles of {size}",
            where=str(path),
            fix=" or ".join(f"domain.tile={n}" for n in whole) if whole and other == side else "",
        )
    n = side // size
    cut = z.reshape(count, n, size, n, size).swapaxes(2, 3).reshape(-1, size, size)
    places = [f"{size * i}:{size * j}" for i in range(n) for j in range(n)]
    names = [f"{name}:{place}" for name in ids for place in places]
    return cut, [label for label in labels for _ in places], names


def _folder(domain: TerrainDomain, path: Path, split: str) -> Rows:
    """Tiles side by side from every map; the eastern part of each is held out."""
    from physgan_terrain.io.folder import read_folder

    found = read_folder(path, domain.cell_option, domain.nodata, reproject=domain.reproject)
    size, tiles, labels, ids = domain.tile, [], [], []
    refused = list(found.refused)
    for name, heightmap in found.maps:
        rows, columns = (n // size for n in heightmap.shape)
        if not rows * columns:
            refused.append((name, f"is smaller than a tile of {size} cells"))
            continue
        held = max(1, round(HELD_OUT * columns)) if columns > 1 else 0
        for i in range(rows):
            for j in range(columns):
                if (j >= columns - held) == (split == "train"):
                    continue
                top, left = i * size, j * size
                tiles.append(heightmap.z[top : top + size, left : left + size])
                labels.append(found.labels.get(name, ""))
                ids.append(f"{name}:{top}:{left}")
    if not tiles:
        raise InputError(
            f"no whole tile of {size} x {size} cells for the split {split!r}",
            where=str(path),
            fix="maps of at least two tiles side by side, or domain.tile=32",
        )
    return np.stack(tiles), labels, ids, found.maps[0][1].cell, refused


def _indices(labels: Sequence[str], classes: Sequence[str]) -> Tensor:
    order = {name: place for place, name in enumerate(classes)}
    return torch.tensor([order.get(label, -1) for label in labels])


def _even(index: Tensor) -> Tensor:
    """Weights that draw every class as often; unknown ones count as one class."""
    _, inverse, count = torch.unique(index, return_inverse=True, return_counts=True)
    return 1 / (len(count) * count[inverse].double())


def class_octaves(height: Tensor, index: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Mean log octaves ``(C, L)`` and mean height ``(C,)`` by class, of all where one has none."""
    octaves, level = log_octaves(height), height.mean(dim=(1, 2, 3))
    rows = [index == c if bool((index == c).any()) else index == index for c in range(count)]
    return (
        torch.stack([octaves[row].mean(dim=0) for row in rows]),
        torch.stack([level[row].mean() for row in rows]),
    )


def typical_features(
    height: Tensor, index: Tensor, classes: Sequence[str], cell: float, most: int = 100
) -> dict[str, dict[str, tuple[float, ...]]]:
    """The 10, 50 and 90 % quantiles of every feature by class, and under "" of all tiles.

    Of at most ``most`` tiles a class, spread over the data.
    """
    from physgan_terrain.measures.features import FEATURES, features

    found, everything = {}, []
    for place, name in enumerate(classes):
        rows = (index == place).nonzero().squeeze(1)
        if not len(rows):
            continue
        chosen = rows[torch.linspace(0, len(rows) - 1, min(most, len(rows))).long()]
        everything.append(features(height[chosen, 0].numpy(), cell))
        found[name] = _quantiles(everything[-1], FEATURES)
    if not everything:
        chosen = torch.linspace(0, len(height) - 1, min(most, len(height))).long()
        everything.append(features(height[chosen, 0].numpy(), cell))
    return {**found, "": _quantiles(np.concatenate(everything), FEATURES)}


def _quantiles(table: NDArray[np.float64], names: Iterable[str]) -> dict[str, tuple[float, ...]]:
    low, middle, high = np.nanquantile(table, [0.1, 0.5, 0.9], axis=0).tolist()
    return {name: (low[i], middle[i], high[i]) for i, name in enumerate(names)}
