"""The loop over time steps of the film network."""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from physgan_foam.solver.flip import flip_short
from physgan_foam.solver.geometry import measure, solve_pressures
from physgan_foam.solver.motion import grow, junction_areas, move_films, move_junctions
from physgan_foam.solver.remesh import remesh
from physgan_foam.solver.vanish import sweep_small

BETWEEN = 8
"""Steps between two remeshings."""


@njit(cache=True, error_model="numpy")
def advance(net, beta, resolution, courant, shortest, tolerance, tau, end, until):
    """Move the network from ``tau`` to ``end`` (px^2) or until ``until`` bubbles are left.

    Returns tau. ``resolution`` and ``shortest`` are the segment and the T1 length in units of
    the radius of the mean bubble; a step is ``courant`` segments squared of time tau / beta.
    Returns early, at a remeshing, when fewer than 0.7 of the bubbles' places are in use.
    """
    films = len(net.count)
    segment = np.zeros((films, net.points.shape[1]))
    sweep = np.zeros((films, net.points.shape[1]))
    length = np.zeros(films)
    gain = np.zeros((len(net.spoke), 3))
    alive = 0
    for c in range(len(net.rim)):
        alive += net.rim[c] >= 0
    begun = False
    while tau < end and alive > until and (not begun or alive > 0.7 * len(net.rim)):
        begun = True
        radius = math.sqrt(net.box[0] * net.box[1] / (alive * math.pi))
        h = resolution * radius
        remesh(net, h)
        for _ in range(BETWEEN):
            # equal steps to the end: a tiny last one would make the pressures repay at once
            steps = math.ceil((end - tau) / (beta * courant * h * h))
            dt = (end - tau) / (beta * steps)
            flip_short(net, shortest * radius, 1.4)
            measure(net, segment, sweep, length)
            if beta < 1.0:
                solve_pressures(net, length, beta, dt, tolerance, 200)
            junction_areas(net, segment, gain)
            move_films(net, segment, sweep, dt, 0.2 * h)
            move_junctions(net, gain, dt, 0.2 * h)
            grow(net, beta * dt)
            tau = end if steps == 1 else tau + beta * dt
            # more than a triangle can lose until the next look
            small = max(1.2 * math.pi * beta * dt, 1.5 * (shortest * radius) ** 2)
            removed = sweep_small(net, small, 1.4 * shortest * radius)
            alive -= removed
            if tau >= end or alive <= until:
                return tau
    return tau
