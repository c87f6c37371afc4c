"""The sobering baseline: known crystals with their elements exchanged, and the volume rescaled.

Elements are exchanged by the ion-substitution probabilities of Hautier et al., Inorg. Chem. 50,
656 (2011), in pymatgen's table, between species of equal charge, so that charges stay balanced.
Where no charges can be guessed, by how often two elements replace one another in the training
set itself (in the manner of Glawe et al., New J. Phys. 18, 093011 (2016)). A generator that does
not beat this has learned little beyond its training set.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from physgan.errors import InputError

if TYPE_CHECKING:
    from pymatgen.core import Structure

LARGEST_Z = 118
TRIES = 20
"""Draws per parent before another parent is taken."""

Choice = tuple[NDArray[np.int64], NDArray[np.floating]]


def substitute(structures: Sequence[Structure], n: int, seed: int = 0) -> list[Structure]:
    """``n`` substituted crystals from training ``structures``, reproducible by ``seed``.

    Raises InputError where no structure admits a substitution.
    """
    return SubstitutionModel(structures).sample(n, seed)


class SubstitutionModel:
    """Fitted on training ``structures`` (ordered, elements up to Z = 118).

    ``sample`` draws parents uniformly and, for each distinct element of a parent, a successor
    among the elements of the training set (itself included); at least one element changes and
    distinct elements stay distinct.
    """

    def __init__(self, structures: Sequence[Structure]) -> None:
        if not structures:
            raise InputError("no structures to substitute in", fix="give a training set")
        self.structures = structures
        self.numbers = [np.array(s.atomic_numbers) for s in structures]
        self.allowed = np.unique(np.concatenate(self.numbers))
        self.volumes = VolumeModel(structures)
        self._exchange = exchange_counts(self.numbers)

    def sample(self, n: int, seed: int = 0) -> list[Structure]:
        """``n`` new structures; raises InputError if 100 parents in a row admit none."""
        rng = np.random.default_rng(seed)
        found: list[Structure] = []
        failures = 0
        while len(found) < n:
            parent = int(rng.integers(len(self.structures)))
            mapping = self._mapping(parent, rng)
            failures = 0 if mapping else failures + 1
            if mapping:
                found.append(self._child(parent, mapping))
            elif failures >= 100:
                raise InputError(
                    "no element of the training set can replace another",
                    fix="give structures that share a formula type",
                )
        return found

    def _mapping(self, parent: int, rng: np.random.Generator) -> dict[int, int] | None:
        """Old to new atomic number for each element of the parent; None if none was found."""
        old, counts = np.unique(self.numbers[parent], return_counts=True)
        charges = charges_of(tuple(old.tolist()), tuple(counts.tolist()))
        choices = [
            self._successors(int(z), charges[i] if charges else None) for i, z in enumerate(old)
        ]
        if all(len(z) < 2 for z, _ in choices):
            return None
        for _ in range(TRIES):
            new = [int(rng.choice(z, p=p)) for z, p in choices]
            if new == old.tolist():
                i = int(rng.choice([i for i, (z, _) in enumerate(choices) if len(z) > 1]))
                z, p = choices[i]
                p = np.where(z == old[i], 0, p)
                new[i] = int(rng.choice(z, p=p / p.sum()))
            if len(set(new)) == len(new):
                return dict(zip(old.tolist(), new, strict=True))
        return None

    def _successors(self, z: int, charge: int | None) -> Choice:
        if charge is None:
            choice = _normalised(np.arange(LARGEST_Z + 1), self._exchange[z], z)
        else:
            choice = _ion_successors(z, charge)
        keep = np.isin(choice[0], self.allowed)
        return choice[0][keep], choice[1][keep] / choice[1][keep].sum()

    def _child(self, parent: int, mapping: dict[int, int]) -> Structure:
        from pymatgen.core import Element, Structure

        source = self.structures[parent]
        new = np.array([mapping[z] for z in self.numbers[parent].tolist()])
        volume = len(source) * self.volumes.predict(
            self.numbers[parent], new, source.volume / len(source)
        )
        lattice = source.lattice.scale(volume)
        return Structure(lattice, [Element.from_Z(int(z)) for z in new], source.frac_coords)


class VolumeModel:
    """Volume per atom of a substituted crystal from its elements and its parent's volume.

    log v = x . c by ridge on atomic fractions x over the training set; the child keeps the share
    ``memory`` of its parent's residual: log v' = x' . c + memory (log v - x . c). ``memory`` is
    the least-squares slope over training pairs that differ in one element.
    """

    def __init__(self, structures: Sequence[Structure]) -> None:
        from sklearn.linear_model import RidgeCV

        numbers = [np.array(s.atomic_numbers) for s in structures]
        features = np.stack([_fractions(z) for z in numbers])
        target = np.log([s.volume / len(s) for s in structures])
        if len(structures) > 1:
            ridge = RidgeCV(alphas=10.0 ** np.arange(-6, 2)).fit(features, target)
            self.weights = ridge.coef_ + ridge.intercept_
        else:
            self.weights = np.full(LARGEST_Z + 1, target[0])
        residual = target - features @ self.weights
        self.memory = self._memory(numbers, residual)

    @staticmethod
    def _memory(numbers: list[NDArray[np.int64]], residual: NDArray[np.floating]) -> float:
        """Slope of residual on residual over consecutive rows that share a context."""
        contexts: dict[tuple, list[tuple[int, int]]] = defaultdict(list)
        for row, z in enumerate(numbers):
            for context, element in _contexts(z):
                contexts[context].append((element, row))
        pairs = [
            (a[1], b[1]) for rows in contexts.values() for a, b in pairwise(rows) if a[0] != b[0]
        ]
        if len(pairs) < 10:
            return 1.0
        left, right = residual[np.array(pairs).T]
        spread = 0.5 * (left @ left + right @ right)
        return float(np.clip(left @ right / spread, 0, 1)) if spread > 1e-12 else 1.0

    def predict(self, old: NDArray, new: NDArray, volume: float) -> float:
        """A^3 per atom of the crystal of atomic numbers ``new`` from a parent ``old``."""
        before, after = _fractions(old) @ self.weights, _fractions(new) @ self.weights
        return float(np.exp(after + self.memory * (np.log(volume) - before)))


def exchange_counts(numbers: Sequence[NDArray[np.int64]]) -> NDArray[np.floating]:
    """``(119, 119)``: in how many contexts elements i and j both occur in the training set.

    A context is a formula with one element left out, such as {.}1 Ti1 O3. The diagonal counts
    the contexts of each element.
    """
    members: dict[tuple, set[int]] = defaultdict(set)
    for z in numbers:
        for context, element in _contexts(z):
            members[context].add(element)
    out = np.zeros((LARGEST_Z + 1, LARGEST_Z + 1))
    for elements in members.values():
        index = np.fromiter(elements, dtype=np.int64)
        out[np.ix_(index, index)] += 1
    return out


@lru_cache(maxsize=200_000)
def charges_of(elements: tuple[int, ...], counts: tuple[int, ...]) -> tuple[int, ...] | None:
    """The likeliest charges that balance the formula, one per element; None if none balance.

    Candidates are the species of Hautier's table, weighed by their probability in it per atom.
    """
    if len(elements) < 2:
        return None
    divisor = math.gcd(*counts)
    best: dict[int, tuple[float, tuple[int, ...]]] = {0: (0.0, ())}
    for z, count in zip(elements, counts, strict=True):
        longer: dict[int, tuple[float, tuple[int, ...]]] = {}
        for total, (weight, charges) in best.items():
            for charge, log_probability in _ions().get(z, ()):
                amount = count // divisor
                trial = (weight + amount * log_probability, (*charges, charge))
                key = total + amount * charge
                longer[key] = max(trial, longer.get(key, trial))
        best = longer
    return best[0][1] if 0 in best else None


@lru_cache(maxsize=1)
def _ions() -> dict[int, list[tuple[int, float]]]:
    """Charges of each element, with the log probability of each, in Hautier's table."""
    out: dict[int, list[tuple[int, float]]] = defaultdict(list)
    table = _hautier()
    for species in sorted(table.species, key=str):
        charge = getattr(species, "oxi_state", None)
        if charge and charge == round(charge):
            out[species.Z].append((round(charge), float(np.log(table.get_px(species)))))
    return out


@lru_cache(maxsize=4096)
def _ion_successors(z: int, charge: int) -> Choice:
    """Elements that have a species of the same charge, and p(element | z) by Hautier's table."""
    from pymatgen.core import Element, Species

    table = _hautier()
    parent = Species(Element.from_Z(z).symbol, charge)
    peers = sorted(
        (s for s in table.species if getattr(s, "oxi_state", None) == charge), key=lambda s: s.Z
    )
    weight = np.array([table.cond_prob(s, parent) for s in peers])
    return _normalised(np.array([s.Z for s in peers]), weight, z)


@lru_cache(maxsize=1)
def _hautier():
    from pymatgen.core.structure_prediction.substitution_probability import (
        SubstitutionProbability,
    )

    return SubstitutionProbability()


def _normalised(z: NDArray[np.int64], weight: NDArray[np.floating], own: int) -> Choice:
    keep = weight > 0
    if not keep.any():
        return np.array([own]), np.ones(1)
    return z[keep], weight[keep] / weight[keep].sum()


def _fractions(numbers: NDArray) -> NDArray[np.floating]:
    return np.bincount(numbers, minlength=LARGEST_Z + 1) / len(numbers)


def _contexts(numbers: NDArray) -> list[tuple[tuple, int]]:
    """Each element of a formula with the rest of the formula, counts reduced."""
    elements, counts = np.unique(numbers, return_counts=True)
    counts = counts // np.gcd.reduce(counts)
    formula = list(zip(elements.tolist(), counts.tolist(), strict=True))
    return [
        ((count, *(p for p in formula if p[0] != element)), element) for element, count in formula
    ]
