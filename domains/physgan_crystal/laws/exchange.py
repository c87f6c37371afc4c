"""The most probable exchange of elements that makes a composition neutral."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from physgan_crystal.laws.neutrality import net_charge
from physgan_crystal.laws.tables import ELEMENTS, mendeleev_numbers, oxidation

FLOOR = 1e-6  # probability of an element that the sample rules out
SHORTLISTS = (12, ELEMENTS)


class Exchanger:
    """Best-first search over one exchange, then two, on orbits or whole elements.

    A move replaces the element of one orbit, or of all orbits that share an element. Its cost is
    the loss of log-probability under the relaxed species (floor 1e-6), then under the counts of
    elements seen on the orbit, then the step on the Mendeleev scale, so that one-hot samples turn
    into chemical neighbours. If no pair of moves is enough, the pair with the least net charge is
    taken and the search goes on from there.
    """

    def __call__(self, species: Tensor, multiplicity: Tensor, seen: Tensor | None = None) -> Tensor:
        """One-hot ``(B, K, 100)`` with zero net charge in every row.

        ``species (B, K, 100)``, zero rows for absent orbits, ``multiplicity (B, K)``, ``seen
        (B, K, 100)`` counts of elements.
        """
        present = species.sum(-1) > 0
        numbers = torch.where(present, species.argmax(-1) + 1, 0).cpu().numpy()
        counts = (multiplicity * present).cpu().numpy()
        for row in np.flatnonzero(net_charge(numbers, counts)):
            score = np.log(species[row].detach().double().cpu().numpy() + FLOOR)
            if seen is not None:
                score += np.log(seen[row].double().cpu().numpy() + 0.1) * 1e-2
            step = np.abs(mendeleev_numbers()[:, None] - mendeleev_numbers()[None, :])
            score -= step[numbers[row] - 1] * 1e-3
            numbers[row] = _neutral(numbers[row], counts[row], score)
        index = torch.as_tensor(numbers, device=species.device)
        hot = torch.nn.functional.one_hot((index - 1).clamp_min(0), ELEMENTS)
        return hot.to(species.dtype) * present[..., None]


def _neutral(numbers: np.ndarray, counts: np.ndarray, score: np.ndarray) -> np.ndarray:
    """``numbers`` after the cheapest moves to zero net charge; ``score (K, 100)``."""
    for _ in range(len(numbers)):
        best, least = numbers, np.inf
        for trials, cost in _candidates(numbers, score):
            charge = net_charge(trials, np.broadcast_to(counts, trials.shape))
            if (charge == 0).any():
                return trials[np.where(charge == 0, cost, np.inf).argmin()]
            if charge.min() < least:
                best, least = trials[charge.argmin()], charge.min()
        numbers = best
    # a single element is neutral by definition
    total = score[numbers > 0].sum(0)
    return np.where(numbers > 0, total.argmax() + 1, 0)


def _candidates(numbers: np.ndarray, score: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches of trial rows ``(M, K)`` and their costs ``(M,)``: single moves, then pairs."""
    table = oxidation()
    usable = (table.states[:, 0] != 0) & ~np.isnan(table.electronegativity)
    orbits = [(k,) for k in np.flatnonzero(numbers)]
    groups = [tuple(np.flatnonzero(numbers == z)) for z in np.unique(numbers[numbers > 0])]
    moves = []
    for where in orbits + [group for group in groups if len(group) > 1]:
        columns = list(where)
        now = score[columns, numbers[columns] - 1].sum()
        cost = np.where(usable, now - score[columns].sum(0), np.inf)
        cost[numbers[columns[0]] - 1] = np.inf
        moves.append((where, cost))
    yield _stack([_trials(numbers, move, ELEMENTS) for move in moves])
    pairs = [(a, b) for a, b in combinations(moves, 2) if not set(a[0]) & set(b[0])]
    for length in SHORTLISTS:
        if pairs:
            yield _stack([_both(numbers, a, b, length) for a, b in pairs])


def _trials(
    numbers: np.ndarray, move: tuple[tuple[int, ...], np.ndarray], length: int
) -> tuple[np.ndarray, np.ndarray]:
    where, cost = move
    elements = np.argsort(cost, kind="stable")[:length]
    elements = elements[np.isfinite(cost[elements])]
    rows = np.repeat(numbers[None], len(elements), axis=0)
    rows[:, list(where)] = elements[:, None] + 1
    return rows, cost[elements]


def _both(
    numbers: np.ndarray,
    first: tuple[tuple[int, ...], np.ndarray],
    second: tuple[tuple[int, ...], np.ndarray],
    length: int,
) -> tuple[np.ndarray, np.ndarray]:
    rows, cost = _trials(numbers, first, length)
    others, extra = _trials(numbers, second, length)
    both = np.repeat(rows, len(others), axis=0)
    columns = list(second[0])
    both[:, columns] = np.tile(others[:, columns], (len(rows), 1))
    return both, (cost[:, None] + extra[None, :]).ravel()


def _stack(parts: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    rows, costs = zip(*parts, strict=True)
    return np.concatenate(rows), np.concatenate(costs)
