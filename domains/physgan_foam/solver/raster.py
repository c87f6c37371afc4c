"""Label fields from films: which bubble each pixel centre lies in, row by row."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from physgan_foam.solver.trajectory import Frame


def rasterise(frame: Frame, box: tuple[float, float], size: tuple[int, int]) -> NDArray[np.int32]:
    """Names of the bubbles at the centres of ``size`` (H, W) pixels that cover ``box`` (H, W).

    Pixel (i, j) has its centre at x = j + 0.5, y = i + 0.5 pixels. A frame that has labels of
    its own gives those, by nearest neighbour.
    """
    height, width = size
    if frame.labels is not None:
        rows = ((np.arange(height) + 0.5) * frame.labels.shape[0] / height).astype(int)
        columns = ((np.arange(width) + 0.5) * frame.labels.shape[1] / width).astype(int)
        return frame.labels[np.ix_(rows, columns)]
    if len(frame.ident) == 1:
        return np.full(size, frame.ident[0], np.int32)
    points = frame.points * np.array([width / box[1], height / box[0]])
    sides = np.stack([frame.left, frame.right], 1)
    labels = _scan(points, frame.count, sides, size)
    if (labels < 0).any():
        # no film crosses these rows, so each lies in one bubble: ask along the columns
        across = _scan(points[:, ::-1].copy(), frame.count, sides[:, ::-1].copy(), (width, height))
        rows = (labels < 0).any(1)
        labels[rows] = across.T.max(1)[rows, None] if (across < 0).any() else across.T[rows]
    return labels


def _scan(
    points: NDArray[np.float64],
    count: NDArray[np.int32],
    sides: NDArray[np.int32],
    size: tuple[int, int],
) -> NDArray[np.int32]:
    first = np.concatenate([[0], np.cumsum(count)[:-1]]).astype(np.int64)
    start = np.concatenate([[0], np.cumsum(_count_crossings(points, first, count, size[0]))])
    place, name = _crossings(points, first, count, sides, start, *size)
    labels = np.full(size, -1, np.int32)
    _fill(place, name, start, labels)
    return labels


@njit(cache=True)
def _count_crossings(points, first, count, height):
    out = np.zeros(height, np.int64)
    for f in range(len(count)):
        for k in range(first[f], first[f] + count[f] - 1):
            low = min(points[k, 1], points[k + 1, 1])
            high = max(points[k, 1], points[k + 1, 1])
            for row in range(math.ceil(low - 0.5), math.ceil(high - 0.5)):
                out[row % height] += 1
    return out


@njit(cache=True)
def _crossings(points, first, count, sides, start, height, width):
    """Where films cross the rows' centre lines, x in [0, W), and the bubble to the right."""
    place = np.empty(start[-1])
    name = np.empty(start[-1], np.int32)
    used = start[:-1].copy()
    for f in range(len(count)):
        for k in range(first[f], first[f] + count[f] - 1):
            x, y = points[k, 0], points[k, 1]
            dx, dy = points[k + 1, 0] - x, points[k + 1, 1] - y
            low, high = min(y, points[k + 1, 1]), max(y, points[k + 1, 1])
            for row in range(math.ceil(low - 0.5), math.ceil(high - 0.5)):
                at = used[row % height]
                used[row % height] += 1
                place[at] = (x + dx * (row + 0.5 - y) / dy) % width
                name[at] = sides[f, 1] if dy > 0 else sides[f, 0]
    return place, name


@njit(cache=True)
def _fill(place, name, start, labels):
    height, width = labels.shape
    for row in range(height):
        if start[row] == start[row + 1]:
            continue
        order = np.argsort(place[start[row] : start[row + 1]]) + start[row]
        at, current = 0, name[order[-1]]
        for column in range(width):
            while at < len(order) and place[order[at]] <= column + 0.5:
                current = name[order[at]]
                at += 1
            labels[row, column] = current
