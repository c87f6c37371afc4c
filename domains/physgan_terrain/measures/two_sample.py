"""The classifier two-sample test: can a random forest tell generated tiles from real ones?

Lopez-Paz & Oquab (2017, arXiv 1610.06545) with the area under the ROC curve as statistic: 0.5 is
indistinguishable, 1.0 is told apart without fail.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from physgan.errors import InputError

TREES = 200
BOOTSTRAPS = 200
Groups: TypeAlias = Sequence[Any] | NDArray[Any] | None
"""What each row of a side belongs to; None: to itself."""


@dataclass(frozen=True)
class TwoSample:
    """``auc`` over out-of-fold scores, the ends of its 95 % bootstrap interval, and the tiles on
    either side."""

    auc: float
    low: float
    high: float
    real: int
    generated: int

    def as_dict(self) -> dict[str, float]:
        """The figures by name."""
        return asdict(self)


def auc(
    real: ArrayLike,
    generated: ArrayLike,
    seed: int,
    folds: int = 5,
    *,
    groups: tuple[Groups, Groups] = (None, None),
    trees: int = TREES,
) -> TwoSample:
    """Out-of-fold AUC of a random forest between ``real (n, F)`` and ``generated (m, F)``.

    The larger side is thinned to the smaller one's size. ``groups`` names, per side, what each
    row belongs to (a region, a world; the same name on both sides is one): no group is in training
    and test at once, and the bootstrap draws groups. None: every row is its own group, which is
    the stricter test, as it also sees what is peculiar to the regions at hand; with groups, shifts
    from region to region can push the figure of equal sides below 0.5. NaN are
    missing values. Raises InputError with fewer than ``folds`` groups, or two rows per fold, on a
    side.
    """
    from sklearn.ensemble import RandomForestClassifier

    rng = np.random.default_rng(seed)
    sides = [np.asarray(side, dtype=np.float64) for side in (real, generated)]
    if any(side.ndim != 2 for side in sides) or sides[0].shape[1] != sides[1].shape[1]:
        raise InputError(f"features of shapes {sides[0].shape} and {sides[1].shape}")
    size = min(len(side) for side in sides)
    if size < 2 * folds:
        raise InputError(
            f"{size} tiles on one side are too few for {folds} folds",
            fix=f"at least {2 * folds} on each",
        )
    x, y, owner = [], [], []
    for which, (side, name) in enumerate(zip(sides, groups, strict=True)):
        kept = rng.permutation(len(side))[:size]
        x.append(side[kept])
        y.append(np.full(size, which))
        owner += [(which, k) if name is None else name[k] for k in kept]
    rows, target = np.concatenate(x), np.concatenate(y)
    member = np.unique([str(one) for one in owner], return_inverse=True)[1]
    scores = np.empty(2 * size)
    for train, test in _splits(target, member, folds, seed):
        forest = RandomForestClassifier(trees, min_samples_leaf=3, random_state=seed, n_jobs=1)
        forest.fit(rows[train], target[train])
        scores[test] = np.asarray(forest.predict_proba(rows[test]))[:, 1]
    low, high = _interval(target, scores, member, rng)
    return TwoSample(_area(target, scores), low, high, size, size)


def _splits(target: NDArray, member: NDArray, folds: int, seed: int):
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    if len(np.unique(member)) == len(member):
        return StratifiedKFold(folds, shuffle=True, random_state=seed).split(target, target)
    fewest = min(len(np.unique(member[target == which])) for which in (0, 1))
    if fewest < folds:
        raise InputError(
            f"{fewest} groups on one side are too few for {folds} folds", fix="fewer folds"
        )
    return StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(
        target, target, member
    )


def _area(target: NDArray, scores: NDArray) -> float:
    """Mann and Whitney's U over its largest value, which is the area under the ROC curve."""
    from scipy.stats import rankdata

    positive = target == 1
    ones = int(positive.sum())
    above = rankdata(scores)[positive].sum() - ones * (ones + 1) / 2
    return float(above / (ones * (len(target) - ones)))


def _interval(
    target: NDArray, scores: NDArray, member: NDArray, rng: np.random.Generator
) -> tuple[float, float]:
    """95 % interval over resampled groups, each side on its own."""
    pools = []
    for which in (0, 1):
        mine = np.flatnonzero(target == which)
        _, group = np.unique(member[mine], return_inverse=True)
        ordered = mine[np.argsort(group, kind="stable")]
        pools.append(np.split(ordered, np.cumsum(np.bincount(group))[:-1]))
    found = []
    for _ in range(BOOTSTRAPS):
        drawn = np.concatenate(
            [pool[k] for pool in pools for k in rng.integers(len(pool), size=len(pool))]
        )
        found.append(_area(target[drawn], scores[drawn]))
    low, high = np.quantile(found, [0.025, 0.975])
    return float(low), float(high)


def match_classes(
    real: Sequence[str], generated: Sequence[str], seed: int, most: int | None = None
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows of either side such that both have as many of each class.

    Classes of one side only are left out; ``most`` caps the rows per class. Raises InputError
    where no class is on both sides.
    """
    rng = np.random.default_rng(seed)
    first, second = np.asarray(real), np.asarray(generated)
    kept: tuple[list[NDArray], list[NDArray]] = ([], [])
    for name in np.intersect1d(first, second):
        rows = [np.flatnonzero(side == name) for side in (first, second)]
        size = min(len(rows[0]), len(rows[1]), most or len(first))
        for out, mine in zip(kept, rows, strict=True):
            out.append(rng.permutation(mine)[:size])
    if not kept[0]:
        raise InputError("real and generated tiles share no class")
    return np.concatenate(kept[0]), np.concatenate(kept[1])
