"""Which generated crystals are unlike each other, and unlike the training set."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from pymatgen.core import Structure


def _key(structure: Structure) -> tuple[tuple[str, int], ...]:
    whole, _ = structure.composition.element_composition.get_reduced_composition_and_factor()
    return tuple(sorted((e.symbol, round(amount)) for e, amount in whole.items()))


def _judge_bucket(
    generated: Sequence[Structure], known: Sequence[Structure]
) -> tuple[list[bool], list[bool]]:
    """Flags (unique, novel) of crystals that share one reduced formula with the known ones."""
    from pymatgen.analysis.structure_matcher import StructureMatcher

    matcher = StructureMatcher()

    def reduce(structure: Structure) -> Structure:
        # What the matcher itself would do in every comparison, done once per crystal.
        try:
            return structure.get_reduced_structure("niggli").get_primitive_structure()
        except ValueError:
            return structure

    def alike(first: Structure, second: Structure) -> bool:
        same_size = len(first) == len(second)
        return same_size and matcher.fit(first, second, skip_structure_reduction=True)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reduced = [reduce(structure) for structure in generated]
        old = [reduce(structure) for structure in known]
        seen: list[Structure] = []
        unique = []
        for structure in reduced:
            unique.append(not any(alike(structure, other) for other in seen))
            if unique[-1]:
                seen.append(structure)
        novel = [not any(alike(structure, other) for other in old) for structure in reduced]
    return unique, novel


def unique_and_novel(
    structures: Sequence[Structure | None],
    train: Sequence[Structure] | None,
    *,
    mask: np.ndarray | None = None,
    executor: Executor | None = None,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Flags (n,): no earlier crystal of the set matches; no crystal of `train` matches.

    A match is pymatgen's `StructureMatcher()` with its defaults (ltol 0.2, stol 0.3, angle_tol
    5 degrees, primitive cells, volumes scaled). Only crystals of one reduced formula can match, so
    only those are compared. Crystals outside `mask` (n,) are neither unique nor novel. The second
    is None without a training set. The cost grows with the square of the largest group of one
    formula: a data set of a single formula (Carbon-24) takes hours.
    """
    chosen = np.array([s is not None and len(s) > 0 for s in structures], dtype=bool)
    if mask is not None:
        chosen &= mask
    buckets: dict[tuple[tuple[str, int], ...], list[int]] = defaultdict(list)
    for row in np.flatnonzero(chosen).tolist():
        structure = structures[row]
        assert structure is not None
        buckets[_key(structure)].append(row)
    known: dict[tuple[tuple[str, int], ...], list[Structure]] = defaultdict(list)
    for structure in train or ():
        key = _key(structure)
        if key in buckets:
            known[key].append(structure)
    unique = np.zeros(len(structures), bool)
    novel = np.zeros(len(structures), bool)
    unique[chosen] = novel[chosen] = True
    keys = [key for key, bucket in buckets.items() if len(bucket) > 1 or known.get(key)]
    sets: list[Any] = [[structures[row] for row in buckets[key]] for key in keys]
    olds = [known.get(key, []) for key in keys]
    if executor is None:
        flags = map(_judge_bucket, sets, olds)
    else:
        flags = executor.map(_judge_bucket, sets, olds, chunksize=16)
    for key, (own, new) in zip(keys, flags, strict=True):
        unique[buckets[key]], novel[buckets[key]] = own, new
    return unique, novel if train is not None else None
