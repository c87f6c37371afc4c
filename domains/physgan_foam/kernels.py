"""Compiled loops over pixels: masks, label decisions and pressures on processors.

Labels are int32 with a rim of REACH; fields over offsets are channels last, ``(H, W, 49)``.
"""

from __future__ import annotations

import numpy as np
from numba import njit, prange

from physgan_foam.offsets import OFFSETS, REACH

SLOTS = 6
"""Most labels that a pixel weighs."""
LEAST = 1e-4
"""Least share of a label that is weighed."""
_DY = np.array([dy for dy, _ in OFFSETS])
_DX = np.array([dx for _, dx in OFFSETS])


@njit(cache=True, parallel=True)
def masks(padded, fold, out):
    """Equality with the neighbours, 1 or -1, of labels ``(H + 16, W + 16)`` int32.

    Into ``out (H / fold, W / fold, 48 fold^2)`` float32, in the order of pixel_unshuffle.
    """
    rows, columns = out.shape[0], out.shape[1]
    for r in prange(rows):
        for c in range(columns):
            for i in range(fold):
                for j in range(fold):
                    y, x = r * fold + i + REACH, c * fold + j + REACH
                    own = padded[y, x]
                    place = i * fold + j
                    for o in range(48):
                        same = padded[y + _DY[o + 1], x + _DX[o + 1]] == own
                        out[r, c, o * fold * fold + place] = 1.0 if same else -1.0


@njit(cache=True, parallel=True)
def weigh(logits, padded, fold, count, name, score):
    """The labels that each pixel weighs and log s_l, best first, into ``name`` and ``score
    (H, W, SLOTS)``; ``count (H, W)`` is how many. All that point at a label are summed first.

    ``logits (H / fold, W / fold, 49 fold^2)``; ``padded (H + 16, W + 16)``.
    """
    height, width = count.shape
    for y in prange(height):
        label = np.empty(49, np.int32)
        share = np.empty(49, np.float32)
        for x in range(width):
            own = padded[y + REACH, x + REACH]
            name[y, x, 0], score[y, x, 0], count[y, x] = own, 0.0, 1
            pure = True
            for o in range(1, 49):
                if padded[y + REACH + _DY[o], x + REACH + _DX[o]] != own:
                    pure = False
                    break
            if pure:
                continue
            r, c = y // fold, x // fold
            place = (y % fold) * fold + x % fold
            used = 0
            top = logits[r, c, place]
            for o in range(1, 49):
                top = max(top, logits[r, c, o * fold * fold + place])
            total = np.float32(0.0)
            for o in range(49):
                p = np.exp(logits[r, c, o * fold * fold + place] - top)
                total += p
                found = padded[y + REACH + _DY[o], x + REACH + _DX[o]]
                k = 0
                while k < used and label[k] != found:
                    k += 1
                if k == used:
                    label[k], share[k] = found, p
                    used += 1
                else:
                    share[k] += p
            kept = 0
            while kept < SLOTS and kept < used:
                best = kept
                for k in range(kept + 1, used):
                    if share[k] > share[best]:
                        best = k
                if share[best] < LEAST * total:
                    break
                # shifted, not swapped, so that equals keep the order of their offsets
                value, found = share[best], label[best]
                for k in range(best, kept, -1):
                    share[k], label[k] = share[k - 1], label[k - 1]
                share[kept], label[kept] = value, found
                name[y, x, kept] = found
                score[y, x, kept] = np.log(value / total)
                kept += 1
            count[y, x] = kept


@njit(cache=True)
def decide(count, name, score, bias, out):
    """The label of largest ``score + bias`` of each pixel, into ``out (H, W)``; of equals the one
    nearest by. ``bias (N,)``."""
    for y in range(count.shape[0]):
        for x in range(count.shape[1]):
            best, label = np.float32(-1e30), name[y, x, 0]
            for k in range(count[y, x]):
                value = score[y, x, k] + bias[name[y, x, k]]
                if value > best:
                    best, label = value, name[y, x, k]
            out[y, x] = label


@njit(cache=True)
def yielding(count, name, score, bias, area, give):
    """Areas ``(N,)`` of the labels that win under ``bias``, and their derivative by it in a
    softened decision, ``give (N,)``, both filled in anew."""
    area[:] = 0.0
    give[:] = 0.0
    value = np.empty(SLOTS, np.float32)
    for y in range(count.shape[0]):
        for x in range(count.shape[1]):
            used = np.int64(count[y, x])
            if used == 1:
                area[name[y, x, 0]] += 1
                continue
            top, best = np.float32(-1e30), 0
            for k in range(used):
                value[k] = score[y, x, k] + bias[name[y, x, k]]
                if value[k] > top:
                    top, best = value[k], k
            area[name[y, x, best]] += 1
            total = np.float32(0.0)
            for k in range(used):
                value[k] = np.exp(value[k] - top)
                total += value[k]
            for k in range(used):
                share = value[k] / total
                give[name[y, x, k]] += share * (1 - share)


@njit(cache=True)
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
