"""Points spread evenly along each film again, without a change of any bubble's area."""

from __future__ import annotations

import math

import numpy as np

from physgan_foam.solver.kernel import inner

UNEVEN = 1.7
"""Largest ratio of a film's segments before its points are spread again."""


@inner
def signed_area(p, n):
    """Twice the area on the left of path ``p (n, 2)``, closed through its own first point."""
    total = 0.0
    for k in range(1, n - 1):
        total += (p[k, 0] - p[0, 0]) * (p[k + 1, 1] - p[0, 1])
        total -= (p[k, 1] - p[0, 1]) * (p[k + 1, 0] - p[0, 0])
    return total


@inner
def spread(old, n, new, m, length):
    """Put ``m`` points on path ``old (n, 2)`` at equal steps of its ``length``, into ``new``."""
    for axis in range(2):
        new[0, axis], new[m - 1, axis] = old[0, axis], old[n - 1, axis]
    k, passed = 0, 0.0
    size = math.hypot(old[1, 0] - old[0, 0], old[1, 1] - old[0, 1])
    for i in range(1, m - 1):
        target = length * i / (m - 1)
        while passed + size < target and k < n - 2:
            passed += size
            k += 1
            size = math.hypot(old[k + 1, 0] - old[k, 0], old[k + 1, 1] - old[k, 1])
        share = (target - passed) / size if size > 0 else 0.0
        for axis in range(2):
            new[i, axis] = old[k, axis] + share * (old[k + 1, axis] - old[k, axis])


@inner
def restore_area(p, m, closed, missing):
    """Move inner points of ``p (m, 2)`` by one distance along their normals; returns what is left.

    ``missing`` is twice the area that the left side is to gain.
    """
    normal = np.zeros((m, 2))
    first = 0 if closed else 1
    for k in range(first, m - 1):
        i = k - 1 if k > 0 else m - 2
        cx, cy = p[k + 1, 0] - p[i, 0], p[k + 1, 1] - p[i, 1]
        chord = math.sqrt(cx * cx + cy * cy) + 1e-300
        normal[k, 0], normal[k, 1] = cy / chord, -cx / chord
    if closed:
        normal[m - 1, 0], normal[m - 1, 1] = normal[0, 0], normal[0, 1]
    linear = square = 0.0
    for k in range(m - 1):
        # d cross(p_k, p_k+1) of a shift s: s (cross(n_k, p_k+1) + cross(p_k, n_k+1)) + s^2 cross
        qx, qy = p[k + 1, 0] - p[0, 0], p[k + 1, 1] - p[0, 1]
        px, py = p[k, 0] - p[0, 0], p[k, 1] - p[0, 1]
        linear += normal[k, 0] * qy - normal[k, 1] * qx
        linear += px * normal[k + 1, 1] - py * normal[k + 1, 0]
        square += normal[k, 0] * normal[k + 1, 1] - normal[k, 1] * normal[k + 1, 0]
    if linear == 0.0:
        return missing
    inside = 1.0 + 4.0 * square * missing / (linear * linear)
    if inside < 0.0:
        return missing
    shift = 2.0 * missing / (linear * (1.0 + math.sqrt(inside)))
    for k in range(m):
        p[k, 0] += shift * normal[k, 0]
        p[k, 1] += shift * normal[k, 1]
    return 0.0


@inner
def remesh(net, h):
    """Give each film segments near ``h`` px; a film below 1.5 h is one segment.

    The area that spreading cuts off is put back along the normals, or owed by a film without
    inner points.
    """
    new = np.zeros((net.points.shape[1], 2))
    most = net.points.shape[1] - 1
    for e in range(len(net.count)):
        n = net.count[e]
        if n == 0:
            continue
        p = net.points[e]
        length, least, largest = 0.0, math.inf, 0.0
        for k in range(n - 1):
            size = math.hypot(p[k + 1, 0] - p[k, 0], p[k + 1, 1] - p[k, 1])
            length += size
            least, largest = min(least, size), max(largest, size)
        closed = net.origin[2 * e] < 0
        ratio = length / h
        even = largest < UNEVEN * least
        if ratio < 1.5 if n == 2 else even and abs(n - 1 - ratio) < 0.25 + 0.25 * (n - 1):
            continue
        wanted = 1 + max(12 if closed else 1, min(most, int(ratio + 0.5)))
        spread(p, n, new, wanted, length)
        missing = signed_area(p, n) - signed_area(new, wanted)
        if wanted > 2 or closed:
            missing = restore_area(new, wanted, closed, missing)
        net.debt[e] -= 0.5 * missing
        for k in range(wanted):
            p[k, 0], p[k, 1] = new[k, 0], new[k, 1]
        net.count[e] = wanted
