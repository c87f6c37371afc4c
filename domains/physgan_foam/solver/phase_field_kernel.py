"""One step of a multi-phase field that stores only the phases present at each pixel."""

from __future__ import annotations

import numpy as np
from numba import njit

PHASES = 8
"""Most phases at one pixel; beyond it the faintest are dropped."""


@njit(cache=True)
def step(name, share, new_name, new_share, width, dt):
    """Advance ``share (H, W, PHASES)`` of the phases ``name`` by ``dt`` px^2 into the new arrays.

    Double obstacle with interface ``width`` px: for the N phases at or beside a pixel,
    d phi_i / dt = D_i - mean(D), D_i = laplacian phi_i + (pi / width)^2 phi_i (Steinbach and
    Pezzolla, Physica D 134, 385, 1999, with equal energies and mobilities), then clipped to
    [0, 1] and normalised. Empty places have the name -1.
    """
    height, wide = name.shape[:2]
    well = (np.pi / width) ** 2
    found = np.empty(9 * PHASES, np.int32)
    value = np.empty(9 * PHASES)
    force = np.empty(9 * PHASES)
    for i in range(height):
        rows = ((i - 1) % height, i, (i + 1) % height)
        for j in range(wide):
            columns = ((j - 1) % wide, j, (j + 1) % wide)
            own = name[i, j, 0]
            bulk = name[i, j, 1] < 0
            if bulk:
                for a in range(3):
                    for b in range(3):
                        if name[rows[a], columns[b], 0] != own or name[rows[a], columns[b], 1] >= 0:
                            bulk = False
            if bulk:
                new_name[i, j, 0], new_share[i, j, 0] = own, 1.0
                new_name[i, j, 1] = -1
                continue
            number = 0
            for a in range(3):
                for b in range(3):
                    # isotropic nine-point Laplacian
                    weight = 4 / 6 if (a == 1) != (b == 1) else 1 / 6
                    if a == 1 and b == 1:
                        weight = -20 / 6 + well
                    for k in range(PHASES):
                        who = name[rows[a], columns[b], k]
                        if who < 0:
                            break
                        amount = share[rows[a], columns[b], k]
                        at = 0
                        while at < number and found[at] != who:
                            at += 1
                        if at == number:
                            found[at], value[at], force[at] = who, 0.0, 0.0
                            number += 1
                        force[at] += weight * amount
                        if a == 1 and b == 1:
                            value[at] = amount
            mean = 0.0
            for k in range(number):
                mean += force[k]
            mean /= number
            kept, total = 0, 0.0
            for k in range(number):
                amount = min(1.0, value[k] + dt * (force[k] - mean))
                if amount <= 1e-9:
                    continue
                at = kept
                if kept == PHASES:
                    at = 0
                    for m in range(1, PHASES):
                        if new_share[i, j, m] < new_share[i, j, at]:
                            at = m
                    if new_share[i, j, at] >= amount:
                        continue
                    total -= new_share[i, j, at]
                else:
                    kept += 1
                new_name[i, j, at], new_share[i, j, at] = found[k], amount
                total += amount
            for k in range(kept):
                new_share[i, j, k] /= total
            if kept < PHASES:
                new_name[i, j, kept] = -1


@njit(cache=True)
def summarise(name, share, bubbles):
    """Areas in pixels ``(bubbles,)`` and the strongest phase of each pixel ``(H, W)``."""
    area = np.zeros(bubbles)
    label = np.empty(name.shape[:2], np.int32)
    for i in range(name.shape[0]):
        for j in range(name.shape[1]):
            best = 0
            for k in range(PHASES):
                if name[i, j, k] < 0:
                    break
                area[name[i, j, k]] += share[i, j, k]
                if share[i, j, k] > share[i, j, best]:
                    best = k
            label[i, j] = name[i, j, best]
    return area, label
