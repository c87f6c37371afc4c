"""Fitness of a set of designs, only ever beside its diversity and novelty (GGS's protocol)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from physgan.errors import InputError
from physgan_protein.metrics.edits import diversity, novelty, unique_share

Scorer = Callable[[Sequence[str]], NDArray[np.floating]]
TOP = 128


def normalised(values: ArrayLike, low: float, high: float) -> NDArray[np.float64]:
    """``(values - low) / (high - low)`` with the extremes of the whole table; not clipped."""
    if not high > low:
        raise InputError(f"fitness between {low:g} and {high:g} cannot be normalised")
    return (np.asarray(values, dtype=np.float64) - low) / (high - low)


def design_figures(
    designs: Sequence[str],
    predicted: ArrayLike,
    oracle: Scorer,
    training: Sequence[str],
    top: int = TOP,
) -> dict[str, float]:
    """The figures of Kirjner et al. (ICLR 2024) of the ``top`` designs by ``predicted (n,)``.

    Repeats are dropped after the choice, so that a collapsed set is averaged over fewer.
    ``fitness`` is the median of ``oracle`` (normalised by the caller) over those it knows,
    ``fitness_mean`` and ``fitness_best`` beside it; ``diversity`` is a mean and ``novelty`` a
    median over the chosen; ``gap`` is the mean of predicted minus oracle; ``unique`` and
    ``designs`` are of all designs before anything was dropped.
    """
    said = np.asarray(predicted, dtype=np.float64)
    if not len(designs) or len(said) != len(designs):
        raise InputError(f"{len(designs)} designs with {len(said)} predictions")
    order: list[int] = np.argsort(-said, kind="stable")[:top].tolist()
    place: dict[str, int] = {designs[i]: i for i in reversed(order)}
    chosen = sorted(place, key=lambda s: (-said[place[s]], s))
    truth = np.asarray(oracle(chosen), dtype=np.float64)
    known = np.isfinite(truth)
    own = said[[place[s] for s in chosen]]
    nothing = float("nan")
    return {
        "fitness": float(np.median(truth[known])) if known.any() else nothing,
        "fitness_mean": float(truth[known].mean()) if known.any() else nothing,
        "fitness_best": float(truth[known].max()) if known.any() else nothing,
        "diversity": diversity(chosen),
        "novelty": novelty(chosen, training),
        "gap": float((own - truth)[known].mean()) if known.any() else nothing,
        "known": float(known.mean()),
        "unique": unique_share(designs),
        "designs": len(designs),
    }
