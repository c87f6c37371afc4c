"""Smallest net charge of a composition over all allowed oxidation states, compiled.

Pauling's rule says that every cation is less electronegative than every anion. So the elements,
sorted by electronegativity, split in cations below and anions above, and the smallest net charge
is the smallest gap, over all splits, between the set of charges that the cations can sum to and
the set that the anions can. Both sets are bit sets that grow by one element at a time.
"""

from __future__ import annotations

from functools import lru_cache
from math import gcd

import numpy as np
from numba import njit

from physgan_crystal.laws.tables import ELEMENTS, oxidation

MOST_ATOMS = 4096
MOST_CHARGE = 8  # of one atom in any known compound and in the smact14 set


def net_charge(numbers: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Least |sum q| in e per formula unit, ``(M,)``, of rows of elements and their counts.

    ``numbers (M, K)`` atomic numbers (0 where absent, repeats allowed), ``counts (M, K)`` atoms.
    Each element carries one state. 0 exactly where SMACT's smact14 validity with the Pauling
    test and alloys holds: a neutral assignment, only metals, or a single element. Rows with an
    element that has no state or electronegativity cannot be judged neutral: 1 e per atom.
    """
    numbers = np.ascontiguousarray(numbers, dtype=np.int64)
    counts = np.ascontiguousarray(counts, dtype=np.int64)
    table = oxidation()
    return _rows(numbers, counts, table.states, table.electronegativity, table.metal)


def exchanged_charge(numbers: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """``net_charge`` after each one-orbit exchange: ``(M, K, 100)``, 0 for absent orbits.

    Tables are kept by composition, since generators repeat themselves.
    """
    out = np.zeros((*numbers.shape, ELEMENTS), dtype=np.float32)
    code = np.where((numbers > 0) & (counts > 0), numbers * MOST_ATOMS + counts, 0)
    order = np.argsort(-code, axis=1, kind="stable")
    present = (code > 0).sum(1)
    for row in range(len(code)):
        orbits = order[row, : present[row]]
        out[row, orbits] = _table(code[row, orbits].astype(np.int64).tobytes())
    return out


@lru_cache(maxsize=20_000)
def _table(code: bytes) -> np.ndarray:
    """``(k, 100)`` of the k orbits packed in ``code`` in descending order."""
    numbers, counts = np.divmod(np.frombuffer(code, dtype=np.int64), MOST_ATOMS)
    table = oxidation()
    return _exchanges(numbers, counts, table.states, table.electronegativity, table.metal)


@njit(cache=True)
def _rows(numbers, counts, states, affinity, metal):
    size, width = numbers.shape
    out = np.zeros(size)
    element, amount = np.zeros(width, np.int64), np.zeros(width, np.int64)
    sums = _scratch(counts)
    for row in range(size):
        out[row] = _one(numbers[row], counts[row], element, amount, sums, states, affinity, metal)
    return out


@njit(cache=True)
def _exchanges(numbers, counts, states, affinity, metal):
    width = len(numbers)
    out = np.zeros((width, ELEMENTS), np.float32)
    element, amount = np.zeros(width, np.int64), np.zeros(width, np.int64)
    sums = _scratch(counts.reshape(1, width))
    trial = numbers.copy()
    for k in range(width):
        if k > 0 and numbers[k] == numbers[k - 1] and counts[k] == counts[k - 1]:
            out[k] = out[k - 1]
            continue
        for z in range(ELEMENTS):
            trial[k] = z + 1
            out[k, z] = _one(trial, counts, element, amount, sums, states, affinity, metal)
        trial[k] = numbers[k]
    return out


@njit(cache=True)
def _scratch(counts):
    """Two rows of bit sets, wide enough for the largest charge of any row of counts."""
    most = 0
    for row in range(counts.shape[0]):
        most = max(most, counts[row].sum())
    return np.zeros((2, counts.shape[1] + 1, most * MOST_CHARGE // 64 + 1), np.uint64)


@njit(cache=True)
def _one(numbers, counts, element, amount, sums, states, affinity, metal):
    kinds = _merge(numbers, counts, element, amount, affinity)
    if kinds <= 1:
        return 0.0
    alloy, known, divisor, atoms = True, True, 0, 0
    for i in range(kinds):
        alloy &= metal[element[i]]
        known &= states[element[i], 0] != 0 and not np.isnan(affinity[element[i]])
        divisor = gcd(divisor, amount[i])
        atoms += amount[i]
    if alloy:
        return 0.0
    if not known:
        return atoms / divisor
    top = 0
    for i in range(kinds):
        amount[i] //= divisor
        top += amount[i] * MOST_CHARGE
    below = sums[0, : kinds + 1, : top // 64 + 1]
    above = sums[1, : kinds + 1, : top // 64 + 1]
    for i in range(kinds + 1):
        for w in range(below.shape[1]):
            below[i, w] = above[i, w] = np.uint64(0)
    below[0, 0] = above[kinds, 0] = np.uint64(1)
    for i in range(kinds):
        _grow(below[i], below[i + 1], amount[i], states[element[i]], 1)
        j = kinds - 1 - i
        _grow(above[j + 1], above[j], amount[j], states[element[j]], -1)
    best = top + 1
    for split in range(kinds + 1):
        # equally electronegative elements are all cations or all anions
        if 0 < split < kinds and affinity[element[split - 1]] == affinity[element[split]]:
            continue
        best = _gap(below[split], above[split], best)
        if best == 0:
            return 0.0
    return float(best) if best <= top else atoms / divisor


@njit(cache=True)
def _merge(numbers, counts, element, amount, affinity):
    """Sum the counts by element into rows sorted by electronegativity; returns how many."""
    kinds = 0
    for k in range(len(numbers)):
        z = numbers[k] - 1
        if z < 0 or counts[k] == 0:
            continue
        found = False
        for i in range(kinds):
            if element[i] == z:
                amount[i] += counts[k]
                found = True
                break
        if found:
            continue
        i = kinds
        while i > 0 and affinity[element[i - 1]] > affinity[z]:
            element[i], amount[i] = element[i - 1], amount[i - 1]
            i -= 1
        element[i], amount[i] = z, counts[k]
        kinds += 1
    return kinds


@njit(cache=True)
def _grow(source, target, count, states, sign):
    """Union over the states of one sign of ``source`` shifted by ``count * |state|``."""
    for state in states:
        if state == 0:
            return
        if state * sign > 0:
            _shifted(source, target, count * state * sign)


@njit(cache=True)
def _shifted(source, target, distance):
    skip, bits = distance // 64, np.uint64(distance % 64)
    for w in range(len(source) - 1, skip - 1, -1):
        value = source[w - skip] << bits
        if bits > 0 and w > skip:
            value |= source[w - skip - 1] >> (np.uint64(64) - bits)
        target[w] |= value


@njit(cache=True)
def _gap(first, second, limit):
    """Smallest |a - b| below ``limit`` over a in ``first`` and b in ``second``, else limit."""
    if not (_filled(first) and _filled(second)):
        return limit
    for distance in range(limit):
        if _meets(first, second, distance) or _meets(second, first, distance):
            return distance
    return limit


@njit(cache=True)
def _meets(source, target, distance):
    skip, bits = distance // 64, np.uint64(distance % 64)
    for w in range(skip, len(source)):
        value = source[w - skip] << bits
        if bits > 0 and w > skip:
            value |= source[w - skip - 1] >> (np.uint64(64) - bits)
        if value & target[w]:
            return True
    return False


@njit(cache=True)
def _filled(words):
    union = words[0]
    for word in words[1:]:
        union |= word
    return union != 0
