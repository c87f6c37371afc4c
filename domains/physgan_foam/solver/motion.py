"""One step of all films: each point sweeps exactly the area that the law asks of it.

A point between two straight segments sweeps an area linear in its own displacement, so points
moved one after the other realise their areas without error, whatever the step and the mesh. The
angles are measured before anything moves; summed around a bubble they are von Neumann's law
(Lazar, MacPherson and Srolovitz, Acta Mater. 58, 364, 2010, for the node rule; the pressures of
the viscous froth, Kern et al., Phys. Rev. E 70, 041411, 2004, are added here).
"""

from __future__ import annotations

import math

import numpy as np

from physgan_foam.solver.geometry import step_off
from physgan_foam.solver.kernel import inner

PAID = 0.25
"""Share of a film's debt that it sweeps in one step."""


@inner
def junction_areas(net, segment, gain):
    """What each of a junction's three bubbles is to gain per unit of t, into ``gain (V, 3)``.

    Bubble ``i`` lies counter-clockwise of spoke ``i``; it gains its angle less 120 degrees, and
    its pressure excess over half of the two segments that bound it here.
    """
    for v in range(len(net.spoke)):
        a = net.spoke[v]
        if a < 0:
            continue
        b = net.before[a] ^ 1
        c = net.before[b] ^ 1
        ax, ay = step_off(net, a)
        bx, by = step_off(net, b)
        cx, cy = step_off(net, c)
        full = 2 * math.pi
        ab = math.atan2(ax * by - ay * bx, ax * bx + ay * by) % full
        bc = math.atan2(bx * cy - by * cx, bx * cx + by * cy) % full
        pa, pb, pc = net.pressure[net.cell[a]], net.pressure[net.cell[b]], net.pressure[net.cell[c]]
        # flux of the half segment on each spoke, out of the bubble on its left
        fa = 0.5 * math.sqrt(ax * ax + ay * ay) * (pa - pc)
        fb = 0.5 * math.sqrt(bx * bx + by * by) * (pb - pa)
        fc = 0.5 * math.sqrt(cx * cx + cy * cy) * (pc - pb)
        third = full / 3
        gain[v, 0] = ab - third + fa - fb
        gain[v, 1] = bc - third + fb - fc
        gain[v, 2] = full - ab - bc - third + fc - fa


@inner
def owe(net, half, area):
    """Ask the film of ``half`` to sweep ``area`` more to the left of ``half``."""
    net.debt[half >> 1] += -area if half & 1 else area


@inner
def collect(net, half):
    """What a film of one segment pays of its debt at the origin of ``half``; taken off."""
    e = half >> 1
    if net.count[e] > 2:
        return 0.0
    paid = 0.5 * PAID * (-net.debt[e] if half & 1 else net.debt[e])
    owe(net, half, -paid)
    return paid


@inner
def nudge(net, half, dx, dy):
    """Displace the origin's copy on the film of ``half``."""
    e = half >> 1
    k = net.count[e] - 1 if half & 1 else 0
    net.points[e, k, 0] += dx
    net.points[e, k, 1] += dy


@inner
def move_films(net, segment, sweep, dt, cap):
    """Sweep the inner points; ``sweep`` holds their turning angles."""
    for e in range(len(net.count)):
        n = net.count[e]
        closed = net.origin[2 * e] < 0
        if n < (2 if closed else 3):
            continue
        p = net.points[e]
        first = 0 if closed else 1
        share = PAID * net.debt[e] / (n - 1 - first)
        push = net.pressure[net.cell[2 * e + 1]] - net.pressure[net.cell[2 * e]]
        for k in range(first, n - 1):
            i = k - 1 if k > 0 else n - 2
            cx, cy = p[k + 1, 0] - p[i, 0], p[k + 1, 1] - p[i, 1]
            chord = math.sqrt(cx * cx + cy * cy) + 1e-300
            wanted = dt * (sweep[e, k] + 0.5 * push * (segment[e, i] + segment[e, k])) + share
            net.debt[e] -= share
            move = 2 * wanted / chord
            if abs(move) > cap:
                done = math.copysign(0.5 * cap * chord, move)
                net.debt[e] += wanted - done
                move = math.copysign(cap, move)
            p[k, 0] -= move * cy / chord
            p[k, 1] += move * cx / chord
            if k == 0:
                p[n - 1, 0] = p[0, 0]
                p[n - 1, 1] = p[0, 1]


@inner
def move_junctions(net, gain, dt, cap):
    """Move each junction so that its bubbles gain their areas; what a cap leaves is owed."""
    for v in range(len(net.spoke)):
        a = net.spoke[v]
        if a < 0:
            continue
        b = net.before[a] ^ 1
        c = net.before[b] ^ 1
        ax, ay = step_off(net, a)
        bx, by = step_off(net, b)
        cx, cy = step_off(net, c)
        ux, uy, wx, wy = ax - bx, ay - by, bx - cx, by - cy
        determinant = wx * uy - wy * ux
        pay_a, pay_b, pay_c = collect(net, a), collect(net, b), collect(net, c)
        gain_a = dt * gain[v, 0] + pay_b - pay_a
        gain_b = dt * gain[v, 1] + pay_c - pay_b
        gain_c = dt * gain[v, 2] + pay_a - pay_c
        s, t = 2 * gain_a, 2 * gain_b
        nearest = math.sqrt(min(ax * ax + ay * ay, bx * bx + by * by, cx * cx + cy * cy))
        limit = min(cap, 0.4 * nearest)
        kept = 0.0
        dx = dy = 0.0
        if determinant != 0.0:
            # cross(d, u) = s and cross(d, w) = t
            dx = (wx * s - ux * t) / determinant
            dy = (wy * s - uy * t) / determinant
            size = math.sqrt(dx * dx + dy * dy)
            kept = limit / size if size > limit else 1.0
        dx *= kept
        dy *= kept
        nudge(net, a, dx, dy)
        nudge(net, b, dx, dy)
        nudge(net, c, dx, dy)
        if kept < 1.0:
            left = 1.0 - kept
            settle(net, a, b, c, left * gain_a, left * gain_b, left * gain_c)


@inner
def settle(net, a, b, c, gain_a, gain_b, gain_c):
    """Owe the left bubbles of three spokes their gains (sum 0) in the least debts of the spokes.

    The least-squares flow on the triangle of bubbles: its Laplacian has the pseudo-inverse 1/3.
    """
    owe(net, a, (gain_c - gain_a) / 3)
    owe(net, b, (gain_a - gain_b) / 3)
    owe(net, c, (gain_b - gain_c) / 3)


@inner
def grow(net, tau):
    """Advance the areas that the law gives, and the time integrals of the side numbers."""
    for c in range(len(net.rim)):
        if net.rim[c] >= 0:
            net.area[c] += np.pi / 3 * (net.sides[c] - 6 * net.euler[c]) * tau
            net.side_time[c] += net.sides[c] * tau
