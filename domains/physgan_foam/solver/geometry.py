"""What a film network measures: lengths, turning angles, areas, and its pressures."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from physgan_foam.solver.kernel import inner

TURN = math.pi / 3


@inner
def measure(net, segment, sweep, length):
    """Segment lengths ``(E, P)``, turning angles at inner points ``(E, P)``, lengths ``(E,)``.

    Point ``k`` is inner where ``0 < k < count - 1``; a closed film turns at its point 0 too.
    """
    for e in range(len(net.count)):
        n = net.count[e]
        total = 0.0
        ax = ay = 0.0
        p = net.points[e]
        for k in range(n - 1):
            bx, by = p[k + 1, 0] - p[k, 0], p[k + 1, 1] - p[k, 1]
            size = math.sqrt(bx * bx + by * by)
            segment[e, k] = size
            total += size
            if k > 0:
                sweep[e, k] = math.atan2(ax * by - ay * bx, ax * bx + ay * by)
            ax, ay = bx, by
        if n > 0 and net.origin[2 * e] < 0:
            bx, by = p[1, 0] - p[0, 0], p[1, 1] - p[0, 1]
            sweep[e, 0] = math.atan2(ax * by - ay * bx, ax * bx + ay * by)
        length[e] = total


@inner
def step_off(net, half):
    """Vector of the first segment of half-edge ``half``, away from its origin."""
    e = half >> 1
    p = net.points[e]
    if half & 1:
        n = net.count[e]
        return p[n - 2, 0] - p[n - 1, 0], p[n - 2, 1] - p[n - 1, 1]
    return p[1, 0] - p[0, 0], p[1, 1] - p[0, 1]


@inner
def polygon(net, start):
    """Area on the left of the loop of half-edge ``start`` (px^2), and the loop's x and y shift.

    The shift is zero unless the loop goes around the torus, where its area has no meaning.
    """
    x = y = total = 0.0
    half = start
    while True:
        e = half >> 1
        p = net.points[e]
        n = net.count[e]
        for k in range(n - 1):
            if half & 1:
                i, j = n - 1 - k, n - 2 - k
            else:
                i, j = k, k + 1
            dx, dy = p[j, 0] - p[i, 0], p[j, 1] - p[i, 1]
            total += x * dy - y * dx
            x += dx
            y += dy
        half = net.after[half]
        if half == start:
            return 0.5 * total, x, y


@njit(cache=True)
def areas(net):
    """Polygon areas ``(C,)`` in px^2, NaN for dead bubbles.

    At most one bubble may be no disc: it takes what the others leave of the box.
    """
    out = np.full(len(net.rim), np.nan)
    rest = net.box[0] * net.box[1]
    other = -1
    for c in range(len(net.rim)):
        if net.rim[c] < 0:
            continue
        if net.euler[c] != 1:
            other = c
            continue
        out[c] = polygon(net, net.rim[c])[0]
        rest -= out[c]
    if other >= 0:
        out[other] = rest
    return out


@inner
def solve_pressures(net, length, beta, dt, tolerance, most):
    """Pressures after which each bubble grows by beta times von Neumann's rate; in place.

    Conjugate gradients on the graph Laplacian of film lengths, warm. What the iteration leaves
    undone is kept in ``net.lag`` and asked for again in the next step, so it never adds up.
    """
    cells = len(net.rim)
    diagonal = np.zeros(cells)
    residual = np.zeros(cells)
    p = net.pressure
    for c in range(cells):
        if net.rim[c] >= 0:
            rate = TURN * (net.sides[c] - 6 * net.euler[c])
            residual[c] = -(1.0 - beta) * rate + net.lag[c] / dt
    for e in range(len(net.count)):
        if net.count[e] > 0:
            i, j = net.cell[2 * e], net.cell[2 * e + 1]
            diagonal[i] += length[e]
            diagonal[j] += length[e]
            flow = length[e] * (p[i] - p[j])
            residual[i] -= flow
            residual[j] += flow
    direction = np.zeros(cells)
    image = np.zeros(cells)
    old = 1.0
    for step in range(most):
        product = worst = 0.0
        for c in range(cells):
            if diagonal[c] > 0:
                product += residual[c] * residual[c] / diagonal[c]
                worst = max(worst, abs(residual[c]))
        if worst < tolerance:
            break
        ratio = product / old if step else 0.0
        for c in range(cells):
            if diagonal[c] > 0:
                direction[c] = residual[c] / diagonal[c] + ratio * direction[c]
            image[c] = 0.0
        for e in range(len(net.count)):
            if net.count[e] > 0:
                i, j = net.cell[2 * e], net.cell[2 * e + 1]
                flow = length[e] * (direction[i] - direction[j])
                image[i] += flow
                image[j] -= flow
        curvature = 0.0
        for c in range(cells):
            curvature += direction[c] * image[c]
        if curvature <= 0:
            break
        size = product / curvature
        for c in range(cells):
            p[c] += size * direction[c]
            residual[c] -= size * image[c]
        old = product
    for c in range(cells):
        net.lag[c] = residual[c] * dt
