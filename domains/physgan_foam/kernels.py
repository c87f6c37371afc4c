"""Compiled loops over pixels: masks, label decisions and pressures on processors. Labels are int32
with a rim of REACH; fields over offsets are channels last, ``(H, W, 49)``."""

from __future__ import annotations

import numpy as np
from numba import njit

from physgan_foam.offsets import OFFSETS, REACH

SLOTS = 6
"""Most labels that a pixel weighs."""
LEAST = 1e-3
"""Least share of a label that is weighed."""
_DY = np.array([dy for dy, _ in OFFSETS])
_DX = np.array([dx for _, dx in OFFSETS])


@njit(cache=True, nogil=True)
def _strides(width):
    """How far the neighbours are in a flat field whose rows are ``width`` long."""
    away = np.empty(49, np.int64)
    for o in range(49):
        away[o] = _DY[o] * width + _DX[o]
    return away


@njit(cache=True, nogil=True)
def masks(padded, fold, told, out):
    """Equality with the neighbours, 1 or -1, of labels ``(H + 16, W + 16)`` int32, and what is
    ``told (N, T)`` of each.

    Into ``out (H / fold, W / fold, (48 + T) fold^2)`` float32, in the order of pixel_unshuffle.
    """
    width, columns, square = padded.shape[1], out.shape[1], fold * fold
    channels = 48 + told.shape[1]
    away, flat, seen = _strides(width), padded.ravel(), out.ravel()
    for r in range(out.shape[0]):
        for c in range(columns):
            first = (r * columns + c) * channels * square
            for place in range(square):
                row, column = r * fold + place // fold, c * fold + place % fold
                at = (row + REACH) * width + column + REACH
                own = flat[np.uint64(at)]
                for o in range(48):
                    same = flat[np.uint64(at + away[o + 1])] == own
                    # a product, not a choice, which processors would guess wrong
                    seen[np.uint64(first + o * square + place)] = np.float32(2) * same - np.float32(
                        1
                    )
                for t in range(told.shape[1]):
                    seen[first + (48 + t) * square + place] = told[own, t]


@njit(cache=True, nogil=True)
def weigh(p, padded, fold, count, name, share):
    """The labels that each pixel weighs and s_l, best first, into ``name`` and ``share
    (H, W, SLOTS)``; ``count (H, W)`` is how many. All that point at a label are summed first.

    ``p (H / fold, W / fold, 49 fold^2)`` is proportional to the probabilities of the offsets;
    ``padded (H + 16, W + 16)``.
    """
    height, width, row = count.shape[0], count.shape[1], padded.shape[1]
    away, flat, odds = _strides(row), padded.ravel(), p.ravel()
    square, columns = fold * fold, p.shape[1]
    for y in range(height):
        label = np.empty(49, np.int32)
        mass = np.empty(49, np.float32)
        for x in range(width):
            at = (y + REACH) * row + x + REACH
            own = flat[np.uint64(at)]
            name[y, x, 0], share[y, x, 0], count[y, x] = own, 1.0, 1
            first = (y // fold * columns + x // fold) * 49 * square
            first += (y % fold) * fold + x % fold
            used, last = np.uint64(1), np.uint64(0)
            label[0], mass[0] = own, odds[np.uint64(first)]
            for o in range(1, 49):
                found = flat[np.uint64(at + away[o])]
                # most often the neighbour of the neighbour before
                if found != label[last]:
                    last = np.uint64(0)
                    while last < used and label[last] != found:
                        last += np.uint64(1)
                    if last == used:
                        label[used], mass[used] = found, 0.0
                        used += np.uint64(1)
                mass[last] += odds[np.uint64(first + o * square)]
            if used == 1:
                continue
            labels = np.int64(used)
            total = np.float32(0.0)
            for k in range(labels):
                total += mass[k]
            kept = 0
            while kept < SLOTS and kept < labels:
                best = kept
                for k in range(kept + 1, labels):
                    if mass[k] > mass[best]:
                        best = k
                if mass[best] < LEAST * total:
                    break
                # shifted, not swapped, so that equals keep the order of their offsets
                value, found = mass[best], label[best]
                for k in range(best, kept, -1):
                    mass[k], label[k] = mass[k - 1], label[k - 1]
                mass[kept], label[kept] = value, found
                name[y, x, kept] = found
                share[y, x, kept] = value / total
                kept += 1
            count[y, x] = kept


@njit(cache=True, nogil=True)
def decide(count, name, share, factor, out):
    """The label of largest ``share factor`` of each pixel, into ``out (H, W)``; of equals the one
    that stands first. ``factor (N,)``."""
    for y in range(count.shape[0]):
        for x in range(count.shape[1]):
            best, label = np.float32(-1.0), name[y, x, 0]
            for k in range(np.int64(count[y, x])):
                value = share[y, x, k] * factor[name[y, x, k]]
                if value > best:
                    best, label = value, name[y, x, k]
            out[y, x] = label


@njit(cache=True, nogil=True)
def contested(count, name, share, least, sure, expected):
    """The pixels of which a second label has ``least`` times the share of the first, with all of
    theirs that have so much: ``count (m,)``, ``name`` and ``share (m, SLOTS)``, one after the
    other. ``sure (N,)`` counts the others, ``expected (N,)`` all by their shares."""
    sure[:] = 0.0
    expected[:] = 0.0
    most = 0
    for y in range(count.shape[0]):
        for x in range(count.shape[1]):
            most += count[y, x] > 1 and share[y, x, 1] > least * share[y, x, 0]
    counts = np.empty(most, np.uint8)
    names, shares = np.empty((most, SLOTS), np.int32), np.empty((most, SLOTS), np.float32)
    m = 0
    for y in range(count.shape[0]):
        for x in range(count.shape[1]):
            used = np.int64(count[y, x])
            for k in range(used):
                expected[name[y, x, k]] += share[y, x, k]
            held = 1
            while held < used and share[y, x, held] > least * share[y, x, 0]:
                held += 1
            if held == 1:
                sure[name[y, x, 0]] += 1
                continue
            counts[m] = held
            for k in range(held):
                names[m, k], shares[m, k] = name[y, x, k], share[y, x, k]
            m += 1
    return counts, names, shares


@njit(cache=True, nogil=True)
def yielding(count, name, share, factor, area, give):
    """Adds to ``area (N,)`` the pixels of ``contested`` that labels win under ``factor``, and to
    ``give (N,)`` the derivative of area by log factor in a softened decision."""
    value = np.empty(SLOTS, np.float32)
    for pixel in range(len(count)):
        used = np.int64(count[pixel])
        top, best, total = np.float32(-1.0), 0, np.float32(1e-30)
        for k in range(used):
            value[k] = share[pixel, k] * factor[name[pixel, k]]
            total += value[k]
            if value[k] > top:
                top, best = value[k], k
        area[name[pixel, best]] += 1
        for k in range(used):
            part = value[k] / total
            give[name[pixel, k]] += part * (1 - part)


@njit(cache=True, nogil=True)
def touching(labels, bubbles, sides, size):
    """How many other labels each one shares a pixel edge with on a torus, into ``sides (N,)``.

    Pairs are kept in a hash table of ``size``, a power of two; False where it is too small.
    """
    height, width = labels.shape
    seen = np.full(size, -1, np.int64)
    sides[:] = 0
    pairs = 0
    for y in range(height):
        for x in range(width):
            a = labels[y, x]
            for turn in range(2):
                if turn == 0:
                    b = labels[y, x + 1 if x + 1 < width else 0]
                else:
                    b = labels[y + 1 if y + 1 < height else 0, x]
                if a == b:
                    continue
                key = np.int64(min(a, b)) * bubbles + max(a, b)
                slot = (key * np.int64(2654435761)) & (size - 1)
                while seen[slot] != -1 and seen[slot] != key:
                    slot = (slot + 1) & (size - 1)
                if seen[slot] == -1:
                    seen[slot] = key
                    pairs += 1
                    if 2 * pairs > size:
                        return False
                    sides[a] += 1
                    sides[b] += 1
    return True


@njit(cache=True, nogil=True)
def _root(parent, at):
    while parent[at] != at:
        parent[at] = parent[parent[at]]
        at = parent[at]
    return at


@njit(cache=True, nogil=True)
def mend(labels, bubbles):
    """Gives pieces of ``labels (H, W)`` that are cut off from the largest piece of their label to
    the label that they touch most, in place, on a torus; returns how many pixels changed.

    Ties go to the label met first. A piece among pieces waits for the next round.
    """
    height, width = labels.shape
    flat = labels.ravel()
    size = flat.size
    changed = 0
    for _ in range(4):
        parent = np.arange(size)
        for y in range(height):
            for x in range(width):
                at = y * width + x
                right = y * width + (x + 1 if x + 1 < width else 0)
                below = (y + 1 if y + 1 < height else 0) * width + x
                for other in (right, below):
                    if flat[other] == flat[at]:
                        a, b = _root(parent, at), _root(parent, other)
                        if a != b:
                            parent[max(a, b)] = min(a, b)
        count = np.zeros(size, np.int64)
        for at in range(size):
            parent[at] = _root(parent, at)
            count[parent[at]] += 1
        whole = np.full(bubbles, -1, np.int64)
        for at in range(size):
            root = parent[at]
            best = whole[flat[at]]
            if best == -1 or count[root] > count[best]:
                whole[flat[at]] = root
        found = [at for at in range(size) if whole[flat[at]] != parent[at]]
        if len(found) == 0:
            break
        loose = np.array(found)
        order = loose[np.argsort(parent[loose], kind="mergesort")]
        start = 0
        moved = 0
        while start < len(order):
            stop = start
            root = parent[order[start]]
            while stop < len(order) and parent[order[stop]] == root:
                stop += 1
            names = np.empty(4 * (stop - start), np.int32)
            m = 0
            for at in order[start:stop]:
                y, x = at // width, at % width
                for other in (
                    y * width + (x + 1) % width,
                    y * width + (x - 1) % width,
                    (y + 1) % height * width + x,
                    (y - 1) % height * width + x,
                ):
                    # only whole bubbles take a piece in
                    if parent[other] != root and whole[flat[other]] == parent[other]:
                        names[m] = flat[other]
                        m += 1
            if m > 0:
                best, most = names[0], 0
                for i in range(m):
                    same = 0
                    for j in range(m):
                        same += names[j] == names[i]
                    if same > most:
                        best, most = names[i], same
                for at in order[start:stop]:
                    flat[at] = best
                moved += stop - start
            start = stop
        changed += moved
        if moved == 0:
            break
    return changed
