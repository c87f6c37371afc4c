"""Terrain against real terrain on the framework's terms: samples of a run, or a folder of maps."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from physgan.errors import InputError
from physgan.training.files import write_atomic
from physgan_terrain.heightmap import Heightmap

if TYPE_CHECKING:
    from physgan.run import Run
    from physgan_terrain.domain import TerrainDomain

Stacks = dict[str, NDArray[np.float32]]
ANY = "any"
"""The class of tiles without one."""


def evaluate_terrain(
    domain: TerrainDomain,
    samples: Sequence[Heightmap | None],
    reference: Sequence[Heightmap],
    *,
    train: Sequence[Heightmap] = (),
    run: Run | None = None,
    asked: Mapping[str, Tensor] | None = None,
    rows: Path | None = None,
    seed: int = 0,
    step: float | None = 0.5,
    trees: int | None = None,
) -> dict[str, Any]:
    """The figures of ``measures.evaluation.evaluate`` as one flat row.

    The two-sample test is against ``reference``, tiles of regions that training has not seen;
    distances are taken to those and ``train`` together, since the reference alone is farther from
    the training tiles than a good generator is. The class judge learns from ``train``. Classes of
    samples are their labels, else what was ``asked``. Beside ``rows``, a line of eleven features
    for every tile, a JSON file of the same name holds the figures by class.
    """
    from physgan_terrain.measures.classes import ClassJudge
    from physgan_terrain.measures.evaluation import evaluate
    from physgan_terrain.measures.two_sample import TREES

    for sample in samples:
        if sample is not None and abs(sample.cell - domain.cell) > 1e-3 * domain.cell:
            raise InputError(
                f"cells of {sample.cell:g} m against real ones of {domain.cell:g} m",
                fix="resample the maps, or give --data of their cell size",
            )
    generated = by_class(samples, _names(domain, samples, asked))
    real, known = by_class(reference), by_class(train)
    if set(generated) == {ANY}:
        real, known = ({ANY: np.concatenate(list(s.values()))} for s in (real, known) if s)
    wide = {n: np.concatenate([known[n], real[n]]) if n in known else real[n] for n in real}
    judge = None
    if len(known) > 1 and set(real) <= set(known):
        judge = ClassJudge.fit(_flat(known), _flat(real), domain.cell, seed, step)
    found = evaluate(
        generated, real, domain.cell, judge, seed, reference=wide, step=step, trees=trees or TREES
    )
    told = found.as_json()
    if rows is not None:
        write_atomic(rows, _table(told["features"]).encode())
        write_atomic(rows.with_suffix(".json"), json.dumps(told["classes"], indent=1).encode())
    return {
        "n": len(samples),
        **{name: value for name, value in told["summary"].items() if not isinstance(value, dict)},
    }


def by_class(samples: Sequence[Heightmap | None], names: Sequence[str] | None = None) -> Stacks:
    """Tiles ``(n, S, S)`` by class; InputError where sides differ or nothing is left."""
    labels = [s.label or ANY if s else ANY for s in samples] if names is None else names
    found: dict[str, list[Any]] = {}
    for sample, label in zip(samples, labels, strict=True):
        if sample is not None:
            found.setdefault(label, []).append(sample.z)
    shapes = {z.shape for tiles in found.values() for z in tiles}
    if len(shapes) > 1:
        raise InputError(f"tiles of different shapes: {sorted(shapes)[:3]}")
    return {name: np.stack(tiles) for name, tiles in sorted(found.items())}


def read_tiles_of(domain: TerrainDomain, folder: Path) -> list[Heightmap]:
    """Every whole tile of ``domain.tile`` cells of the maps in ``folder``, with their classes.

    Raises InputError where there is none.
    """
    from physgan_terrain.io.folder import read_folder

    size, tiles = domain.tile, []
    found = read_folder(folder, domain.cell_option, domain.nodata, reproject=domain.reproject)
    for name, heightmap in found.maps:
        rows, columns = (n // size for n in heightmap.shape)
        for i in range(rows):
            for j in range(columns):
                z = heightmap.z[i * size : (i + 1) * size, j * size : (j + 1) * size]
                tiles.append(Heightmap(z, heightmap.cell, label=found.labels.get(name)))
    if not tiles:
        raise InputError(f"no whole tile of {size} x {size} cells", where=str(folder))
    return tiles


def _names(
    domain: TerrainDomain,
    samples: Sequence[Heightmap | None],
    asked: Mapping[str, Tensor] | None,
) -> list[str]:
    places = None if asked is None or "class" not in asked else asked["class"].tolist()
    names = []
    for row, sample in enumerate(samples):
        name = sample.label if sample is not None else None
        if name is None and places is not None and places[row] >= 0:
            name = domain.classes[int(places[row])]
        names.append(name or ANY)
    return names


def _flat(stacks: Stacks) -> tuple[NDArray[np.float32], list[str]]:
    labels = [name for name, tiles in stacks.items() for _ in tiles]
    return np.concatenate(list(stacks.values())), labels


def _table(features: Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]]) -> str:
    lines = [
        {"side": side, "class": name, **row}
        for side, classes in features.items()
        for name, rows in classes.items()
        for row in rows
    ]
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(lines[0]))
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()
