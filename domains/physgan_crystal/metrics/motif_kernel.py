"""Local structure order parameters of a coordination shell, compiled.

Each one scores from 0 to 1 how well the unit vectors to n neighbours match a motif: every
neighbour j is put at the north pole, every other neighbour k on the prime meridian, and the
remaining neighbours m are judged by their polar angle and their azimuth (Zimmermann et al.,
J. Am. Chem. Soc. 137, 13352, 2015; Zimmermann and Jain, RSC Adv. 10, 6063, 2020; the cubic one is
Peters, J. Chem. Phys. 131, 244103, 2009). `numpy` arrays of parameters replace their tables.

A motif is one row `(kind, a, b, c, d, e)` of floats, see the constants below.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

BENT = 0  # target angle / pi, inverse width
TARGET = 1  # target angle / pi, inverse width, azimuth factor
PYRAMID = 2  # inverse width about the equator, azimuth factor
POLAR = 3  # smallest south-pole angle, its inverse width, equator's inverse width, azimuth factor
SEE_SAW = 4  # as POLAR, azimuth only below 135 degrees
HEX_PLANE = 5  # as POLAR with target distance from the equator in place of the equator (fifth)
PENT_PLANE = 6  # switching angle / pi, inverse width
BCC = 7  # smallest south-pole angle, its inverse width, its weight
CUBOCT = 8  # smallest south-pole angle, its inverse width and weight, lower and upper equator
STEINHARDT = 9  # degree l

NEAR = 1e-10
PARALLEL = 1e-12


@njit(cache=True)
def _bell(x: float) -> float:
    return math.exp(-0.5 * x * x)


@njit(cache=True)
def _meridian(motif: np.ndarray, theta: float) -> tuple[float, float]:
    """Score and weight of neighbour k, which defines the meridian, at polar angle `theta`."""
    kind = int(motif[0])
    t = theta / math.pi
    if kind in (BENT, TARGET):
        return _bell(motif[2] * (t - motif[1])), 1.0
    if kind == PYRAMID:
        return _bell(motif[1] * (t - 0.5)), 1.0
    if kind in (POLAR, SEE_SAW):
        if theta < motif[1]:
            return _bell(motif[3] * (t - 0.5)), 1.0
    elif kind == HEX_PLANE:
        if theta < motif[1]:
            return _bell(motif[3] * (abs(t - 0.5) - motif[5])), 1.0
    elif kind == PENT_PLANE:
        return _bell(motif[2] * (t - (0.4 if t <= motif[1] else 0.8))), 1.0
    elif kind in (BCC, CUBOCT) and theta >= motif[1]:
        return motif[3] * _bell(motif[2] * (t - 1.0)), motif[3]
    return 0.0, 0.0


@njit(cache=True)
def _pole(motif: np.ndarray, theta: float) -> tuple[float, float]:
    """Score and weight of a further neighbour m at the south pole."""
    kind = int(motif[0])
    if kind in (POLAR, SEE_SAW, HEX_PLANE) and theta >= motif[1]:
        return _bell(motif[2] * (theta / math.pi - 1.0)), 1.0
    return 0.0, 0.0


@njit(cache=True)
def _around(motif: np.ndarray, theta_k: float, theta: float, phi: float) -> tuple[float, float]:
    """Score and weight of a further neighbour m at polar angle `theta`, azimuth `phi`."""
    kind = int(motif[0])
    t = theta / math.pi
    if kind == TARGET:
        return _bell(motif[2] * (t - motif[1])) * math.cos(motif[3] * phi) ** 2, 1.0
    if kind == PYRAMID:
        return _bell(motif[1] * (t - 0.5)) * math.cos(motif[2] * phi) ** 2, 1.0
    if kind in (POLAR, SEE_SAW, HEX_PLANE):
        if theta >= motif[1] or theta_k >= motif[1]:
            return 0.0, 0.0
        if kind == SEE_SAW and phi >= 0.75 * math.pi:
            return 0.0, 0.0
        off = abs(t - 0.5) - motif[5] if kind == HEX_PLANE else t - 0.5
        return _bell(motif[3] * off) * math.cos(motif[4] * phi) ** 2, 1.0
    if kind == PENT_PLANE:
        target = 0.4 if t <= motif[1] else 0.8
        return _bell(motif[2] * (t - target)) * math.cos(phi) ** 2, 1.0
    if kind == BCC and theta_k < motif[1]:
        side = 1.0 if theta_k > 0.5 * math.pi else -1.0
        x = (theta - 0.5 * math.pi) / math.asin(1.0 / 3.0)
        return side * math.cos(3.0 * phi) * math.exp(0.5) * x * _bell(x), 1.0
    if kind == CUBOCT and theta < motif[1] and motif[4] < theta_k < motif[5]:
        if motif[4] < theta < motif[5]:
            return math.cos(phi) ** 2 * _bell(motif[6] * (t - 0.5)), 1.0
        if theta == motif[4] or theta == motif[5]:
            return 0.0, 0.0
        target = 1.0 / 3.0 if theta < motif[4] else 2.0 / 3.0
        twist = 0.0556 * (math.cos(phi - 0.5 * math.pi) - 0.81649658)
        return _bell(twist) * _bell(motif[7] * (t - target)), 1.0
    return 0.0, 0.0


@njit(cache=True)
def _on_threshold(motif: np.ndarray, theta: float) -> bool:
    """Whether rounding alone decides on which side of a step of the motif an angle falls."""
    kind = int(motif[0])
    if kind in (POLAR, SEE_SAW, HEX_PLANE, BCC):
        return abs(theta - motif[1]) < NEAR
    if kind == PENT_PLANE:
        return abs(theta - motif[1] * math.pi) < NEAR
    if kind == CUBOCT:
        near = min(abs(theta - motif[4]), abs(theta - motif[5]))
        return min(near, abs(theta - motif[1])) < NEAR
    return False


@njit(cache=True)
def steinhardt(cosines: np.ndarray, degree: int) -> float:
    """Bond order parameter Q_l of a shell from the cosines (n,n) between its bonds.

    By the addition theorem Q_l^2 = mean over all pairs of P_l(cos), so no axis is needed
    (Steinhardt, Nelson and Ronchetti, Phys. Rev. B 28, 784, 1983).
    """
    total = 0.0
    n = cosines.shape[0]
    for i in range(n):
        for j in range(n):
            x = cosines[i, j]
            y = x * x
            if degree == 2:
                total += 0.5 * (3.0 * y - 1.0)
            elif degree == 4:
                total += (35.0 * y * y - 30.0 * y + 3.0) / 8.0
            else:
                total += (231.0 * y**3 - 315.0 * y * y + 105.0 * y - 5.0) / 16.0
    return math.sqrt(max(total, 0.0)) / n


@njit(cache=True)
def order_parameters(
    unit: np.ndarray, weight: np.ndarray, motifs: np.ndarray
) -> tuple[np.ndarray, float]:
    """Order parameters (p,) of the shell `unit` (n,3) for the rows of `motifs` (p,8).

    `weight` (n,) orders the neighbours, equal ones being interchangeable. Second comes a bound on
    the part of a value that rounding alone decides: an angle on a step, a bond almost but not
    quite opposite to another, or a cubic score that depends on the order of equal neighbours.
    """
    n = unit.shape[0]
    count = motifs.shape[0]
    values = np.zeros(count)
    doubt = 0.0
    cosines = np.empty((n, n))
    theta = np.empty((n, n))
    for i in range(n):
        for j in range(n):
            x = unit[i, 0] * unit[j, 0] + unit[i, 1] * unit[j, 1] + unit[i, 2] * unit[j, 2]
            cosines[i, j] = max(-1.0, min(x, 1.0))
            theta[i, j] = math.acos(cosines[i, j])
    for row in range(count):
        if int(motifs[row, 0]) == STEINHARDT:
            values[row] = steinhardt(cosines, int(motifs[row, 1]))
    if int(motifs[0, 0]) == STEINHARDT:
        return values, doubt
    norms = np.zeros(count)
    cubic = np.zeros((n, n))
    side = np.empty((n, 3))
    length = np.empty(n)
    for j in range(n):
        for m in range(n):
            square = 0.0
            for d in range(3):
                side[m, d] = unit[m, d] - cosines[j, m] * unit[j, d]
                square += side[m, d] ** 2
            length[m] = math.sqrt(square)
            if m != j and 0.1 * PARALLEL < length[m] < 1e3 * PARALLEL:
                doubt = 1.0
            if length[m] >= PARALLEL:
                for d in range(3):
                    side[m, d] /= length[m]
        for k in range(n):
            if k == j:
                continue
            for row in range(count):
                kind = int(motifs[row, 0])
                if kind == STEINHARDT:
                    continue
                if _on_threshold(motifs[row], theta[j, k]):
                    doubt = 1.0
                score, norm = _meridian(motifs[row], theta[j, k])
                if kind != BENT and length[k] >= PARALLEL:
                    for m in range(n):
                        if m in (j, k):
                            continue
                        s, w = _pole(motifs[row], theta[j, m])
                        score += s
                        norm += w
                        if length[m] < PARALLEL:
                            continue
                        x = side[m, 0] * side[k, 0] + side[m, 1] * side[k, 1]
                        x += side[m, 2] * side[k, 2]
                        phi = math.acos(max(-1.0, min(x, 1.0)))
                        if kind == SEE_SAW and abs(phi - 0.75 * math.pi) < NEAR:
                            doubt = 1.0
                        s, w = _around(motifs[row], theta[j, k], theta[j, m], phi)
                        score += s
                        norm += w
                if kind == BENT:
                    values[row] += score
                    norms[row] += norm
                elif kind == BCC:
                    cubic[j, k] = score
                elif norm > 1e-12:
                    values[row] = max(values[row], score / norm)
    for row in range(count):
        kind = int(motifs[row, 0])
        if kind == BENT:
            values[row] /= norms[row]
        elif kind == BCC:
            pairs = 0.5 * n * (6 + (n - 2) * (n - 3))
            for j in range(n):
                for k in range(j + 1, n):
                    values[row] += cubic[j, k] / pairs
                    if abs(theta[j, k] - 0.5 * math.pi) < NEAR:
                        doubt += 2.0 * max(abs(cubic[j, k]), abs(cubic[k, j])) / pairs
                    if abs(weight[j] - weight[k]) < 1e-8:
                        doubt += abs(cubic[j, k] - cubic[k, j]) / pairs
    return values, doubt
