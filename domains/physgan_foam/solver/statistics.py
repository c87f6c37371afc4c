"""Distributions over the bubbles of a foam: side numbers and relative areas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from physgan_foam.solver.trajectory import Frame

MOST_SIDES = 16


def side_distribution(frames: Sequence[Frame]) -> NDArray[np.float64]:
    """Probability of 0 to ``MOST_SIDES`` sides (the last: or more), over all bubbles."""
    sides = np.concatenate([frame.sides for frame in frames])
    return np.bincount(np.minimum(sides, MOST_SIDES), minlength=MOST_SIDES + 1) / len(sides)


def mu2(frames: Sequence[Frame]) -> float:
    """Second moment of the side numbers about 6."""
    return float(((np.concatenate([frame.sides for frame in frames]) - 6.0) ** 2).mean())


def mean_sides(frame: Frame) -> float:
    """Exactly 6 in any network of triple junctions on a torus, by Euler's formula."""
    return float(frame.sides.mean())


def relative_areas(frames: Sequence[Frame]) -> NDArray[np.float64]:
    """A/<A> of all bubbles, each frame by its own mean."""
    return np.concatenate([frame.area / frame.area.mean() for frame in frames])


def area_weighted_sides(frames: Sequence[Frame]) -> float:
    """<A n>/<A>, which sets the growth rate of the mean area."""
    area = np.concatenate([frame.area / frame.area.mean() for frame in frames])
    return float((area * np.concatenate([frame.sides for frame in frames])).sum() / area.sum())


def side_distance(probability: NDArray[np.float64], table: Mapping[str, float]) -> float:
    """L1 distance of p(n) from a table of probabilities by side number."""
    other = np.zeros(len(probability))
    for sides, value in table.items():
        other[min(int(sides), MOST_SIDES)] += value
    return float(np.abs(probability - other).sum())
