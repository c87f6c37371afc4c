"""How well a trajectory keeps the laws of coarsening foams.

All of them are read from the frames alone, so they judge any solver or surrogate alike. Time is
tau = beta M gamma t (px^2), in which von Neumann's coefficient is pi/3 at every beta.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from physgan.errors import InputError
from physgan_foam.solver.trajectory import Frame, Trajectory

COEFFICIENT = np.pi / 3


@dataclass(frozen=True)
class Line:
    """``y = slope x`` by least squares: its R^2 about the mean of y, and the number of points."""

    slope: float
    r2: float
    points: int


def through_origin(x: NDArray[np.float64], y: NDArray[np.float64]) -> Line:
    """The best line through the origin. Raises InputError without a spread of ``x``."""
    if len(x) < 2 or not np.any(x):
        raise InputError(f"no line through {len(x)} points")
    slope = float(x @ y / (x @ x))
    spread = float(((y - y.mean()) ** 2).sum())
    return Line(slope, 1 - float(((y - slope * x) ** 2).sum()) / spread, len(x))


def growth(trajectory: Trajectory) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean side number over an interval less 6, and dA/dtau in units of pi/3, ``(m,)`` each.

    One point for every bubble and every interval that it survives.
    """
    x, y = [np.empty(0)], [np.empty(0)]
    for first, second in zip(trajectory.frames, trajectory.frames[1:], strict=False):
        _, i, j = np.intersect1d(first.ident, second.ident, return_indices=True)
        rate = (second.area[j] - first.area[i]) / (second.tau - first.tau)
        x.append(second.mean_sides[j] - 6)
        y.append(rate / COEFFICIENT)
    return np.concatenate(x), np.concatenate(y)


def von_neumann(trajectory: Trajectory) -> Line:
    """dA/dtau against (pi/3)(n - 6) per bubble; slope 1 is the law (von Neumann 1952)."""
    return through_origin(*growth(trajectory))


def von_neumann_by_sides(trajectory: Trajectory) -> dict[int, float]:
    """Median rate, in units of pi/3, of bubbles whose side number did not change."""
    x, y = growth(trajectory)
    still = np.abs(x - np.round(x)) < 1e-9
    sides = np.round(x).astype(int) + 6
    return {int(n): float(np.median(y[still & (sides == n)])) for n in np.unique(sides[still])}


def sum_of_squares(trajectory: Trajectory) -> float:
    """Change of the sum of A^2 over the time integral of 2 (pi/3) sum A (n - 6); 1 is the law.

    The integral is the trapezoid rule over the frames, so these must lie close: bubbles that die
    between two of them add 0.1 % at 0.01 <A> apart, 2 % at 0.2 <A>.
    """
    squares = np.array([(frame.area**2).sum() for frame in trajectory.frames])
    rate = np.array([(frame.area * (frame.sides - 6)).sum() for frame in trajectory.frames])
    integral = 2 * COEFFICIENT * np.trapezoid(rate, trajectory.tau)
    return float((squares[-1] - squares[0]) / integral)


def junction_angles(frame: Frame) -> NDArray[np.float64]:
    """Angles between films in degrees, ``(J, 3)``, at junctions of three films with inner points.

    Between tangents: of the circle through a film's first three points. Each row sums to 360. A
    film of one segment, about to flip or just born, has no tangent to speak of.
    """
    last = np.cumsum(frame.count) - 1
    first = last - frame.count + 1
    bent = frame.count > 2
    tangent = np.concatenate(
        [_tangent(frame.points, first, np.where(bent, 1, 0)),
         _tangent(frame.points, last, np.where(bent, -1, 0))]
    )  # fmt: skip
    junction = np.concatenate([frame.start, frame.end])
    whole = np.bincount(junction[junction >= 0], np.tile(bent, 2)[junction >= 0]) == 3
    inside = (junction >= 0) & whole[junction]
    order = np.lexsort([tangent[inside], junction[inside]])
    spokes = tangent[inside][order].reshape(-1, 3)
    around = np.concatenate([spokes, spokes[:, :1] + 2 * np.pi], 1)
    return np.degrees(np.diff(around, axis=1))


def _tangent(
    points: NDArray[np.float64], at: NDArray[np.integer], step: NDArray[np.integer]
) -> NDArray[np.float64]:
    """Direction at point ``at`` of the circle through it and the two points ``step`` apart."""
    one, two = points[at + step] - points[at], points[at + 2 * step] - points[at + step]
    chord = np.arctan2(one[:, 1], one[:, 0])
    turn = np.arctan2(one[:, 0] * two[:, 1] - one[:, 1] * two[:, 0], (one * two).sum(1))
    # on a circle the turn at the middle point is shared by the segments as their lengths
    size = np.hypot(one[:, 0], one[:, 1])
    share = size / np.maximum(size + np.hypot(two[:, 0], two[:, 1]), 1e-300)
    return (chord - share * turn + np.pi) % (2 * np.pi) - np.pi


def angle_deviation(frames: Sequence[Frame]) -> float:
    """Mean distance of the angles at junctions from 120 degrees."""
    return float(np.mean([np.abs(junction_angles(frame) - 120).mean() for frame in frames]))


def film_curvature(frame: Frame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Curvature in 1/px and pressure difference left less right, of films with two inner points.

    A film that turns to its left has positive curvature.
    """
    curvature, excess = [], []
    pressure = dict(zip(frame.ident.tolist(), frame.pressure.tolist(), strict=True))
    for path, left, right in zip(
        frame.films(), frame.left.tolist(), frame.right.tolist(), strict=True
    ):
        if len(path) < 4:
            continue
        step = np.diff(path, axis=0)
        size = np.hypot(step[:, 0], step[:, 1])
        cross = step[:-1, 0] * step[1:, 1] - step[:-1, 1] * step[1:, 0]
        turn = np.arctan2(cross, (step[:-1] * step[1:]).sum(1))
        curvature.append(turn.sum() / (0.5 * (size[:-1] + size[1:])).sum())
        excess.append(pressure[left] - pressure[right])
    return np.array(curvature), np.array(excess)


def laplace(frames: Sequence[Frame], beta: float) -> Line:
    """(1 - beta) curvature against the pressure difference; slope 1 is Laplace's law.

    The factor is what the viscous drag leaves of it at finite beta.
    """
    found = [film_curvature(frame) for frame in frames]
    curvature, excess = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return through_origin(excess, (1 - beta) * curvature)
