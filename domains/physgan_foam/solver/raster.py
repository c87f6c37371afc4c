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
        rows = (np.arange(height) + 0.5) * frame.labels.shape[0] / height
        columns = (np.arange(width) + 0.5) * frame.labels.shape[1] / width
        return frame.labels[np.ix_(rows.astype(int), columns.astype(int))]
    scaled = frame.points * np.array([width / box[1], height / box[0]])
    first = np.concatenate([[0], np.cumsum(frame.count)[:-1]])
    sides = np.stack([frame.left, frame.right], 1)
    args = scaled, first.astype(np.int64), frame.count
    per_row = _count_crossings(*args, height)
    start = np.concatenate([[0], np.cumsum(per_row)])
    place, name = _crossings(*args, sides, start, height, width)
    labels = np.full(size, -1, np.int32)
    _fill(place, name, start, labels)
    if (per_row == 0).any():
        # a row that no film crosses lies in one bubble: look for a film above or below it
        turned = Frame(**{**vars(frame), "points": frame.points[:, ::-1]})
        if (per_row == 0).all() and len(frame.count) == 0:
            return np.full(size, frame.ident[0], np.int32)
        flipped = Frame(**{**vars(turned), "left": frame.right, "right": frame.left})
        if (per_row == 0).all() or (labels >= 0).all(1).any():
            columns = _columns(flipped, (box[1], box[0]), (width, height))
            labels = np.where(labels < 0, columns.T, labels)
    return labels


def _columns(frame: Frame, box: tuple[float, float], size: tuple[int, int]):
    scaled = frame.points * np.array([size[1] / box[1], size[0] / box[0]])
    first = np.concatenate([[0], np.cumsum(frame.count)[:-1]]).astype(np.int64)
    sides = np.stack([frame.left, frame.right], 1)
    per_row = _count_crossings(scaled, first, frame.count, size[0])
    start = np.concatenate([[0], np.cumsum(per_row)])
    place, name = _crossings(scaled, first, frame.count, sides, start, *size)
    labels = np.full(size, -1, np.int32)
    _fill(place, name, start, labels)
    return labels


@njit(cache=True)
def _count_crossings(points, first, count, height):
    out = np.zeros(height, np.int64)
    for f in range(len(count)):
        for k in range(first[f], first[f] + count[f] - 1):
            low, high = points[k, 1], points[k + 1, 1]
            if low > high:
                low, high = high, low
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
            low, high = min(y, y + dy), max(y, y + dy)
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
