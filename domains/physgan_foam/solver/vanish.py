"""T2: a bubble that has become too small is removed, its gas shared evenly by its neighbours.

A triangle in its last moments feeds each of its three neighbours at the same rate (each has one
side more than afterwards), so equal shares are what the law gives, only a little early; of a
lens's two neighbours likewise. What the geometry gives them otherwise is owed by their films.
"""

from __future__ import annotations

import numpy as np

from physgan_foam.solver.flip import flip, shortest_side
from physgan_foam.solver.geometry import polygon
from physgan_foam.solver.kernel import inner
from physgan_foam.solver.motion import nudge, settle, step_off
from physgan_foam.solver.remesh import signed_area, spread

COLLAPSED = 0.35
"""Share of the least area that a polygon may fall to; sides of one segment hide 0.4 of theirs."""


@inner
def _set(path, n, x, y):
    path[n, 0], path[n, 1] = x, y


@inner
def _append(net, half, path, n):
    """Continue ``path`` of ``n`` points along ``half``; returns the new number of points."""
    e = half >> 1
    p = net.points[e]
    last = net.count[e] - 1
    for k in range(last):
        i, j = (last - k, last - k - 1) if half & 1 else (k, k + 1)
        path[n, 0] = path[n - 1, 0] + p[j, 0] - p[i, 0]
        path[n, 1] = path[n - 1, 1] + p[j, 1] - p[i, 1]
        n += 1
    return n


@inner
def _pending(net, half):
    return -net.debt[half >> 1] if half & 1 else net.debt[half >> 1]


@inner
def _bequeath(net, c, share, heir, lost):
    """Give ``share`` of bubble ``c`` to ``heir``, which loses sides."""
    net.area[heir] += net.area[c] * share
    net.lag[heir] += net.lag[c] * share
    net.sides[heir] -= lost


@inner
def _bury(net, c):
    net.rim[c] = -1
    net.counts[1] += 1


@inner
def _drop(net, half):
    net.count[half >> 1] = 0
    net.debt[half >> 1] = 0.0


@inner
def remove_triangle(net, c):
    """Collapse the three-sided bubble ``c`` to a junction; False where the network forbids it."""
    side = np.empty(3, np.int64)
    out = np.empty(3, np.int64)
    half = net.rim[c]
    for i in range(3):
        side[i], out[i] = half, net.after[half ^ 1]
        half = net.after[half]
    for i in range(3):
        heir = net.cell[side[i] ^ 1]
        if heir == net.cell[side[i - 1] ^ 1] or out[i] >> 1 == out[i - 1] >> 1:
            return False
        if net.sides[heir] < 3:
            return False
    path = np.empty((4 * net.points.shape[1], 2))
    corner = np.zeros((3, 2))
    owed = polygon(net, side[0])[0]
    midx = midy = 0.0
    for i in range(3):
        # positions from the first corner on: copies of a junction differ by box lengths
        _set(path, 0, corner[i, 0], corner[i, 1])
        n = _append(net, side[i], path, 1)
        if i < 2:
            _set(corner, i + 1, path[n - 1, 0], path[n - 1, 1])
        owed -= _pending(net, side[i])
        midx += corner[i, 0] / 3
        midy += corner[i, 1] / 3
    gain = np.empty(3)
    for i in range(3):
        # the neighbour across side i: from the next corner's film back to this corner's
        following = (i + 1) % 3
        qx, qy = step_off(net, out[following])
        _set(path, 0, corner[following, 0] + qx, corner[following, 1] + qy)
        _set(path, 1, corner[following, 0], corner[following, 1])
        n = _append(net, side[i] ^ 1, path, 2)
        qx, qy = step_off(net, out[i])
        _set(path, n, corner[i, 0] + qx, corner[i, 1] + qy)
        old = signed_area(path, n + 1)
        _set(path, 1, midx, midy)
        _set(path, 2, path[n, 0], path[n, 1])
        geometric = 0.5 * (signed_area(path, 3) - old)
        gain[i] = _pending(net, side[i]) + owed / 3 - geometric
    v = net.origin[side[0]]
    for i in range(3):
        following = (i + 1) % 3
        nudge(net, out[i], midx - corner[i, 0], midy - corner[i, 1])
        net.after[out[following] ^ 1] = out[i]
        net.before[out[i]] = out[following] ^ 1
        if i > 0:
            net.spoke[net.origin[side[i]]] = -1
    for i in range(3):
        heir = net.cell[side[i] ^ 1]
        net.origin[out[i]] = v
        net.rim[heir] = out[i]
        _bequeath(net, c, 1 / 3, heir, 1)
        _drop(net, side[i])
    net.spoke[v] = out[0]
    # counter-clockwise of spoke i lies the neighbour across side i
    settle(net, out[0], out[1], out[2], gain[0], gain[1], gain[2])
    _bury(net, c)
    return True


@inner
def remove_lens(net, c):
    """Join the two films that end on the two-sided bubble ``c``; False where forbidden."""
    side, back = net.rim[c], net.after[net.rim[c]]
    left, near = net.after[side ^ 1] ^ 1, net.after[back ^ 1]
    upper, lower = net.cell[back ^ 1], net.cell[side ^ 1]
    if upper == lower or left >> 1 == near >> 1 or min(net.sides[upper], net.sides[lower]) < 4:
        return False
    # the upper neighbour's boundary: along left, over the lens, along near
    most = net.points.shape[1]
    path = np.zeros((4 * most, 2))
    corner = _append(net, left, path, 1) - 1
    other = _append(net, back ^ 1, path, corner + 1) - 1
    n = _append(net, near, path, other + 1)
    old = signed_area(path, n)
    for axis in range(2):
        path[corner, axis] = 0.5 * (path[corner, axis] + path[other, axis])
    for k in range(other + 1, n):
        _set(path, k - other + corner, path[k, 0], path[k, 1])
    n -= other - corner
    length = 0.0
    for k in range(n - 1):
        length += np.hypot(path[k + 1, 0] - path[k, 0], path[k + 1, 1] - path[k, 1])
    m = min(n, most)
    new = np.empty((m, 2))
    spread(path, n, new, m, length)
    swept = _pending(net, back)
    gain = swept + 0.5 * (polygon(net, side)[0] - swept - _pending(net, side))
    geometric = 0.5 * (signed_area(new, m) - old)
    owed = _pending(net, near) + _pending(net, left) - (gain - geometric)
    far, first, last = net.origin[left], net.before[left], net.after[left ^ 1]
    net.spoke[net.origin[near]] = -1
    net.spoke[net.origin[left ^ 1]] = -1
    e = near >> 1
    start = net.count[left >> 1] - 1 if left & 1 else 0
    x, y = net.points[left >> 1, start, 0], net.points[left >> 1, start, 1]
    for k in range(m):
        at = m - 1 - k if near & 1 else k
        _set(net.points[e], at, x + new[k, 0], y + new[k, 1])
    net.count[e] = m
    net.debt[e] = -owed if near & 1 else owed
    net.origin[near] = far
    net.spoke[far] = near
    net.before[near], net.after[first] = first, near
    net.after[near ^ 1], net.before[last] = last, near ^ 1
    net.rim[upper], net.rim[lower] = near, near ^ 1
    _drop(net, side)
    _drop(net, back)
    _drop(net, left)
    _bequeath(net, c, 0.5, upper, 2)
    _bequeath(net, c, 0.5, lower, 2)
    _bury(net, c)
    return True


@inner
def remove_island(net, c):
    """Remove a bubble whose only film is closed; its neighbour has one hole less."""
    heir = net.cell[net.rim[c] ^ 1]
    _drop(net, net.rim[c])
    net.euler[heir] += 1
    _bequeath(net, c, 1.0, heir, 0)
    _bury(net, c)
    return True


@inner
def is_small(net, c, smallest):
    """Whether bubble ``c`` is below ``smallest`` by the law, or its polygon has collapsed."""
    if net.area[c] < smallest:
        return True
    if net.sides[c] > 5 or net.area[c] > 20 * smallest or net.euler[c] != 1:
        return False
    return polygon(net, net.rim[c])[0] < COLLAPSED * smallest


@inner
def sweep_small(net, smallest, growth):
    """Remove every bubble below ``smallest`` px^2.

    Bubbles of four and more sides first lose sides by flips of their shortest films.
    """
    removed = 0
    for c in range(len(net.rim)):
        if net.rim[c] < 0 or not is_small(net, c, smallest):
            continue
        while net.sides[c] > 3:
            e = shortest_side(net, c)
            if e < 0:
                break
            flip(net, e, growth)
            net.counts[0] += 1
        done = False
        if net.sides[c] == 3:
            done = remove_triangle(net, c)
        elif net.sides[c] == 2:
            done = remove_lens(net, c)
        elif net.sides[c] == 0 and net.euler[c] == 1:
            done = remove_island(net, c)
        if done:
            removed += 1
        else:
            net.counts[3] += 1
    return removed
