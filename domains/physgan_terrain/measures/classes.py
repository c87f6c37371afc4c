"""The class judge: a random forest on measures of real tiles, and what it can tell at all.

Landscape classes overlap in relief alone, so a generator is held against the judge's own
accuracy on real tiles of regions that it has not seen: the ceiling.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from physgan.errors import InputError

from .features import features
from .hypsometry import hypsometric_curve
from .slopes import horn_slopes
from .stacks import as_stack, rounded

if TYPE_CHECKING:
    from sklearn.ensemble import RandomForestClassifier

SURE = 0.7
"""Recall on real held-out tiles from which a class counts as told apart by its relief."""
_TREES = 300
_SLOPES = (10, 25, 50, 75, 90, 99, 99.9)
_FLAT = 0.05
"""Degrees under which a cell is flat: sea, lakes."""


@dataclass(frozen=True)
class ClassScore:
    """Accuracy over all tiles, mean recall over classes, recall per class, and the number of
    tiles per class."""

    accuracy: float
    balanced: float
    recall: dict[str, float]
    tiles: dict[str, int]

    @property
    def sure(self) -> tuple[str, ...]:
        """Classes with a recall of at least ``SURE``."""
        return tuple(name for name, value in self.recall.items() if value >= SURE)

    def as_dict(self) -> dict[str, Any]:
        """The figures by name, JSON-able."""
        return {**asdict(self), "sure": list(self.sure)}


def describe(z: ArrayLike, cell: float) -> NDArray[np.float64]:
    """What the judge sees of ``z (N, H, W)``: the eleven features, slope quantiles, the share of
    flat cells and ten points of the hypsometric curve, ``(N, 29)``; nothing of absolute height."""
    stack = as_stack(z, smallest=32)
    slope = horn_slopes(stack, cell).reshape(len(stack), -1)
    return np.column_stack(
        [
            features(stack, cell),
            np.percentile(slope, _SLOPES, axis=1).T,
            (slope < _FLAT).mean(axis=1),
            hypsometric_curve(stack, points=12)[:, 1:-1],
        ]
    )


class ClassJudge:
    """A forest that names the class of a tile, trained on real tiles and measured on others."""

    def __init__(
        self, forest: RandomForestClassifier, cell: float, step: float | None, ceiling: ClassScore
    ) -> None:
        self.forest, self.cell, self.step, self.ceiling = forest, cell, step, ceiling
        self.names = tuple(str(name) for name in forest.classes_)

    @classmethod
    def fit(
        cls,
        train: tuple[ArrayLike, Sequence[str]],
        val: tuple[ArrayLike, Sequence[str]],
        cell: float,
        seed: int = 0,
        step: float | None = 0.5,
    ) -> ClassJudge:
        """Train on tiles and class names ``train``; ``val``, of other regions, gives the ceiling.

        Tiles are ``(N, H, W)`` in m on ``cell`` m and are rounded to ``step`` m, then and later.
        """
        from sklearn.ensemble import RandomForestClassifier

        forest = RandomForestClassifier(
            _TREES, min_samples_leaf=2, class_weight="balanced", random_state=seed, n_jobs=1
        )
        forest.fit(describe(rounded(train[0], step), cell), np.asarray(train[1]))
        judge = cls(forest, cell, step, ClassScore(0.0, 0.0, {}, {}))
        judge.ceiling = judge.score(*val)
        return judge

    def name(self, z: ArrayLike) -> NDArray[np.str_]:
        """The class of each tile of ``z (N, H, W)``, ``(N,)``."""
        found = self.forest.predict(describe(rounded(z, self.step), self.cell))
        return np.asarray(found).astype(str)

    def score(self, z: ArrayLike, labels: Sequence[str]) -> ClassScore:
        """How often tiles ``z`` are named as ``labels`` (N) say; InputError for unknown labels."""
        truth = np.asarray(labels, dtype=str)
        unknown = sorted(set(truth.tolist()) - set(self.names))
        if unknown:
            raise InputError(
                f"the judge does not know the class {unknown[0]!r}",
                fix=f"known: {', '.join(self.names)}",
            )
        right = self.name(z) == truth
        known = [name for name in self.names if (truth == name).any()]
        recall = {name: float(right[truth == name].mean()) for name in known}
        tiles = {name: int((truth == name).sum()) for name in known}
        balanced = float(np.mean(list(recall.values())))
        return ClassScore(float(right.mean()), balanced, recall, tiles)

    def over_ceiling(self, found: ClassScore) -> float:
        """Mean recall of ``found`` over the ceiling's, on the classes that real tiles tell apart.

        NaN where ``found`` holds none of them.
        """
        sure = [name for name in self.ceiling.sure if name in found.recall]
        if not sure:
            return float("nan")
        mine, best = (
            float(np.mean([score.recall[name] for name in sure])) for score in (found, self.ceiling)
        )
        return mine / best
