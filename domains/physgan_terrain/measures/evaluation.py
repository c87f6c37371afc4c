"""Everything measured at once: generated terrain against real terrain, class by class."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from physgan.errors import InputError

from .classes import ClassJudge
from .distances import distances
from .features import FEATURES, features
from .rivers import network
from .stacks import as_stack, rounded
from .two_sample import TREES, auc, match_classes

Tiles = Mapping[str, ArrayLike]
"""Class name to tiles ``(n, H, W)`` in m."""


@dataclass(frozen=True)
class TerrainResult:
    """``summary`` figures, a table of figures per class, and the features of every tile.

    ``features`` holds, under ``real`` and ``generated``, per class an array ``(n, 11)`` in the
    order of ``features.FEATURES``.
    """

    summary: dict[str, Any]
    classes: dict[str, dict[str, Any]]
    features: dict[str, dict[str, NDArray[np.float64]]]

    def as_json(self) -> dict[str, Any]:
        """Summary, tables and per-tile features as plain values; what is not finite is None."""
        rows = {
            side: {name: [dict(zip(FEATURES, row, strict=True)) for row in table.tolist()]
                   for name, table in classes.items()}
            for side, classes in self.features.items()
        }  # fmt: skip
        return _plain({"summary": self.summary, "classes": self.classes, "features": rows})


def evaluate(
    generated: Tiles,
    real: Tiles,
    cell: float,
    judge: ClassJudge | None,
    seed: int,
    *,
    regions: Mapping[str, Sequence[str]] | None = None,
    reference: Tiles | None = None,
    mosaics: Tiles | None = None,
    real_mosaics: Tiles | None = None,
    step: float | None = 0.5,
    trees: int = TREES,
) -> TerrainResult:
    """Hold ``generated`` tiles against ``real`` ones of the same classes, on ``cell`` m.

    Heights are rounded to ``step`` m on both sides (see ``stacks.rounded``). Only classes on both
    sides are compared; raises InputError where there is none.

    - ``judge`` adds class figures, ``regions`` (the region of each real tile) a second two-sample
      test on regions unseen; ``trees`` is the size of the tests' forests.
    - ``reference`` holds more real tiles, of other regions too, to which the distances are then
      taken; the ``floor`` of a class is the distance of ``real`` to it.
    - ``mosaics`` and ``real_mosaics`` are windows of at least 128, better 512 cells, for the river
      laws.

    Summary: ``two_sample_auc``, folds over tiles, the stricter one, and ``two_sample`` with its
    interval; ``two_sample_unseen_regions``, folds over regions; ``slope_w1_worst_class`` (degrees);
    ``hypsometric_gap``, the mean over classes, and ``hypsometric_gap_worst_class``;
    ``fill_ratio``, generated over real, the geometric mean over classes, and
    ``fill_ratio_worst_class`` as a factor of at least 1; ``spectrum_db``; ``class_accuracy`` and
    ``class_accuracy_over_ceiling``; class means of each feature; the river figures.
    """
    names = [name for name in generated if name in real]
    if reference is not None:
        names = [name for name in names if name in reference]
    if not names:
        raise InputError("generated and real terrain share no class")
    sides = {
        "real": {name: rounded(real[name], step) for name in names},
        "generated": {name: rounded(generated[name], step) for name in names},
    }
    tables = {
        side: {name: features(z, cell) for name, z in tiles.items()}
        for side, tiles in sides.items()
    }
    classes: dict[str, dict[str, Any]] = {}
    for name in names:
        first = sides["real"][name]
        wide = first if reference is None else rounded(reference[name], step)
        classes[name] = {
            "tiles": {side: len(sides[side][name]) for side in sides},
            **distances(wide, sides["generated"][name], cell).as_dict(),
            **{side: _means(tables[side][name]) for side in sides},
        }
        if reference is not None:
            classes[name]["floor"] = distances(wide, first, cell).as_dict()
    summary = _summary(classes)
    test = _two_sample(tables, names, seed, None, trees)
    summary |= {"two_sample_auc": test["auc"], "two_sample": test}
    if regions is not None:
        summary["two_sample_unseen_regions"] = _two_sample(tables, names, seed, regions, trees)
    if judge is not None:
        summary |= _judged(judge, sides["generated"], classes)
    for side, windows in (("generated", mosaics), ("real", real_mosaics)):
        if windows is not None:
            summary[f"rivers_{side}"] = _rivers(windows, cell, step, side, classes)
    return TerrainResult(summary, classes, tables)


def _means(table: NDArray[np.float64]) -> dict[str, float]:
    kept = np.isfinite(table)
    sums = np.where(kept, table, 0).sum(axis=0)
    means = np.divide(sums, kept.sum(axis=0), out=np.full(len(sums), np.nan), where=kept.any(0))
    return dict(zip(FEATURES, means.tolist(), strict=True))


def _summary(classes: dict[str, dict[str, Any]]) -> dict[str, Any]:
    def over(key: str) -> list[float]:
        return [row[key] for row in classes.values()]

    means = {
        side: {
            key: float(np.mean([row[side][key] for row in classes.values()])) for key in FEATURES
        }
        for side in ("real", "generated")
    }
    with np.errstate(divide="ignore"):
        ratio = float(np.exp(np.mean(np.log(over("fill_ratio")))))
    factors = [max(r, 1 / r) if r > 0 else math.inf for r in over("fill_ratio")]
    return {
        "slope_w1_worst_class": max(over("slope_w1")),
        "slope_w1": float(np.mean(over("slope_w1"))),
        "hypsometric_gap": float(np.mean(over("hypsometric_gap"))),
        "hypsometric_gap_worst_class": max(over("hypsometric_gap")),
        "fill_ratio": ratio,
        "fill_ratio_worst_class": max(factors),
        "spectrum_db": float(np.mean(over("spectrum_db"))),
        "features": means,
    }


def _two_sample(
    tables: dict[str, dict[str, NDArray[np.float64]]],
    names: Sequence[str],
    seed: int,
    regions: Mapping[str, Sequence[str]] | None,
    trees: int,
) -> dict[str, Any]:
    stacked = {side: np.concatenate([tables[side][name] for name in names]) for side in tables}
    labels = {side: [n for n in names for _ in tables[side][n]] for side in tables}
    rows = match_classes(labels["real"], labels["generated"], seed)
    where = None
    if regions is not None:
        every = [place for name in names for place in regions[name]]
        where = [every[k] for k in rows[0]]
    found = auc(stacked["real"][rows[0]], stacked["generated"][rows[1]], seed, groups=(where, None))
    return found.as_dict()


def _judged(
    judge: ClassJudge, tiles: dict[str, NDArray[np.float64]], classes: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    known = [name for name in tiles if name in judge.ceiling.recall]
    if not known:
        return {}
    score = judge.score(
        np.concatenate([tiles[name] for name in known]), [n for n in known for _ in tiles[n]]
    )
    for name in known:
        classes[name]["recall"] = score.recall[name]
        classes[name]["recall_ceiling"] = judge.ceiling.recall[name]
    return {
        "class_accuracy": score.balanced,
        "class_accuracy_ceiling": judge.ceiling.balanced,
        "class_accuracy_over_ceiling": judge.over_ceiling(score),
        "sure_classes": list(judge.ceiling.sure),
    }


def _rivers(
    windows: Tiles, cell: float, step: float | None, side: str, classes: dict[str, dict[str, Any]]
) -> dict[str, float]:
    """Class means of the network figures, which also go into the table of their class."""
    found = {}
    for name, stack in windows.items():
        rows = [network(z, cell).as_dict() for z in rounded(as_stack(stack), step)]
        found[name] = {key: float(np.nanmean([row[key] for row in rows])) for key in rows[0]}
        classes.setdefault(name, {})[f"rivers_{side}"] = found[name]
    keys = next(iter(found.values()), {})
    return {key: float(np.nanmean([row[key] for row in found.values()])) for key in keys}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, float | np.floating):
        return float(value) if math.isfinite(value) else None
    return int(value) if isinstance(value, np.integer) else value
