"""T1: a film that has become too short is replaced by one across it.

All four bubbles keep their areas: what the flip takes from one and gives to another is owed back
by the four films around, in the least amounts.
"""

from __future__ import annotations

import math

import numpy as np

from physgan_foam.solver.kernel import inner
from physgan_foam.solver.motion import nudge, owe, step_off


@inner
def chord(net, e):
    """Distance of the two ends of film ``e`` in px."""
    n = net.count[e]
    p = net.points[e]
    return math.hypot(p[n - 1, 0] - p[0, 0], p[n - 1, 1] - p[0, 1])


@inner
def may_flip(net, e):
    """Whether both bubbles beside the film can lose a side and the four around it differ."""
    if net.count[e] == 0 or net.origin[2 * e] < 0:
        return False
    left, right = net.cell[2 * e], net.cell[2 * e + 1]
    top = net.cell[net.after[2 * e] ^ 1]
    bottom = net.cell[net.after[2 * e + 1] ^ 1]
    if left in (right, top, bottom) or right in (top, bottom) or top == bottom:
        return False
    return net.sides[left] > 3 and net.sides[right] > 3


@inner
def triangle(ax, ay, bx, by, cx, cy):
    return 0.5 * ((bx - ax) * (cy - ay) - (by - ay) * (cx - ax))


@inner
def flip(net, e, size):
    """Replace film ``e`` by one of length ``size`` px that joins the bubbles at its two ends."""
    a, b = 2 * e, 2 * e + 1
    before_a, after_a, before_b, after_b = net.before[a], net.after[a], net.before[b], net.after[b]
    left, right = net.cell[a], net.cell[b]
    top, bottom = net.cell[after_a ^ 1], net.cell[after_b ^ 1]
    n = net.count[e]
    p = net.points[e]
    # the film is straight from here on; its own bow is owed with the rest
    bow = 0.0
    for k in range(1, n - 1):
        bow += triangle(p[0, 0], p[0, 1], p[k, 0], p[k, 1], p[k + 1, 0], p[k + 1, 1])
    ux, uy = p[0, 0], p[0, 1]
    wx, wy = p[n - 1, 0], p[n - 1, 1]
    dx, dy = wx - ux, wy - uy
    long = math.hypot(dx, dy) + 1e-300
    nx, ny = -0.5 * size * dy / long, 0.5 * size * dx / long
    mx, my = 0.5 * (ux + wx), 0.5 * (uy + wy)
    lx, ly, rx, ry = mx + nx, my + ny, mx - nx, my - ny
    sx, sy = step_off(net, before_a ^ 1)
    q_before_ax, q_before_ay = ux + sx, uy + sy
    sx, sy = step_off(net, after_b)
    q_after_bx, q_after_by = ux + sx, uy + sy
    sx, sy = step_off(net, after_a)
    q_after_ax, q_after_ay = wx + sx, wy + sy
    sx, sy = step_off(net, before_b ^ 1)
    q_before_bx, q_before_by = wx + sx, wy + sy
    # what each bubble is to get back: its area before less its area after
    to_left = (
        triangle(q_before_ax, q_before_ay, ux, uy, wx, wy)
        + triangle(q_before_ax, q_before_ay, wx, wy, q_after_ax, q_after_ay)
        - triangle(q_before_ax, q_before_ay, lx, ly, q_after_ax, q_after_ay)
        + bow
    )
    to_right = (
        triangle(q_before_bx, q_before_by, wx, wy, ux, uy)
        + triangle(q_before_bx, q_before_by, ux, uy, q_after_bx, q_after_by)
        - triangle(q_before_bx, q_before_by, rx, ry, q_after_bx, q_after_by)
        - bow
    )
    to_top = (
        triangle(q_after_ax, q_after_ay, wx, wy, q_before_bx, q_before_by)
        - triangle(q_after_ax, q_after_ay, lx, ly, rx, ry)
        - triangle(q_after_ax, q_after_ay, rx, ry, q_before_bx, q_before_by)
    )
    to_left -= net.debt[e]
    to_right += net.debt[e]
    net.debt[e] = 0.0
    to_bottom = -(to_left + to_right + to_top)
    _rewire(net, e, before_a, after_a, before_b, after_b)
    net.cell[a], net.cell[b] = top, bottom
    net.rim[left], net.rim[right] = after_a, after_b
    net.sides[left] -= 1
    net.sides[right] -= 1
    net.sides[top] += 1
    net.sides[bottom] += 1
    net.count[e] = 2
    p[0, 0], p[0, 1], p[1, 0], p[1, 1] = lx, ly, rx, ry
    nudge(net, before_a ^ 1, lx - ux, ly - uy)
    nudge(net, after_a, lx - wx, ly - wy)
    nudge(net, before_b ^ 1, rx - wx, ry - wy)
    nudge(net, after_b, rx - ux, ry - uy)
    # least-squares flow on the ring left, top, right, bottom: pseudo-inverse (5, -1, -3, -1)/16
    a_left = (5 * to_left - to_top - 3 * to_right - to_bottom) / 16
    a_top = (5 * to_top - to_right - 3 * to_bottom - to_left) / 16
    a_right = (5 * to_right - to_bottom - 3 * to_left - to_top) / 16
    a_bottom = (5 * to_bottom - to_left - 3 * to_top - to_right) / 16
    owe(net, after_a, a_top - a_left)
    owe(net, before_a, a_bottom - a_left)
    owe(net, before_b, a_top - a_right)
    owe(net, after_b, a_bottom - a_right)


@inner
def _join(net, first, second):
    net.after[first] = second
    net.before[second] = first


@inner
def _rewire(net, e, before_a, after_a, before_b, after_b):
    a, b = 2 * e, 2 * e + 1
    u, w = net.origin[a], net.origin[b]
    _join(net, before_a, after_a)
    _join(net, before_b, after_b)
    _join(net, after_a ^ 1, a)
    _join(net, a, before_b ^ 1)
    _join(net, after_b ^ 1, b)
    _join(net, b, before_a ^ 1)
    net.origin[after_a], net.origin[before_a ^ 1] = u, u
    net.origin[after_b], net.origin[before_b ^ 1] = w, w
    net.spoke[u], net.spoke[w] = a, b


@inner
def flip_short(net, shortest, growth):
    """Flip films below ``shortest`` px that may; the new ones are ``growth`` times as long."""
    for e in range(len(net.count)):
        if net.count[e] == 2 and chord(net, e) < shortest:
            if may_flip(net, e):
                flip(net, e, growth * shortest)
                net.counts[0] += 1
            elif min(net.sides[net.cell[2 * e]], net.sides[net.cell[2 * e + 1]]) > 3:
                net.counts[2] += 1


@inner
def shortest_side(net, c):
    """The shortest film of bubble ``c`` that may flip, or -1."""
    best, least = -1, np.inf
    half = net.rim[c]
    while True:
        e = half >> 1
        if may_flip(net, e):
            size = chord(net, e)
            if size < least:
                best, least = e, size
        half = net.after[half]
        if half == net.rim[c]:
            return best
