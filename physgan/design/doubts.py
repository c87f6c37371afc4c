"""What a proposal has to say against its own predictions."""

from __future__ import annotations

from collections.abc import Sequence

from physgan.design.candidate import Candidate
from physgan.predictors import Predictor

CHANCE = 0.05
"""Of predictors that know nothing, the share that is taken to rank held-out rows."""


def blind(predictor: Predictor | None, names: Sequence[str]) -> list[str]:
    """Those of ``names`` by which the ``predictor`` ranks held-out rows no better than chance."""
    figures = {} if predictor is None else predictor.report.get("properties", {})
    return [n for n in names if figures.get(n, {}).get("rank_chance", 0.0) > CHANCE]


def ranks_nothing(predictor: Predictor | None, names: Sequence[str], plausible: bool) -> list[str]:
    """A warning for each of ``names`` that is ``blind``."""
    figures = {} if predictor is None else predictor.report["properties"]
    told = "it counts for nothing here" if plausible else "neither does the order of candidates"
    return [
        f"the predictor does not rank held-out rows by {name} (rank correlation "
        f"{figures[name]['rank_correlation']:.2f}): {told}"
        for name in blind(predictor, names)
    ]


def flag_unusual(
    predictor: Predictor | None, found: Sequence[Candidate], warnings: list[str]
) -> None:
    """Say of each candidate whether the ensemble is as sure of it as of the rows that its
    intervals were tested on; beyond, their coverage is not to be relied on."""
    figures = {} if predictor is None else predictor.report.get("properties", {})
    limits = {name: row["spread_99"] for name, row in figures.items() if "spread_99" in row}
    told = [c for c in found if limits.keys() & c.predicted.keys()]
    for candidate in told:
        spreads = {n: candidate.predicted[n].spread for n in limits.keys() & candidate.predicted}
        sure = all(spread <= limits[name] for name, spread in spreads.items())
        candidate.filters = {**candidate.filters, "interval_holds": sure}
    unsure = sum(not c.filters["interval_holds"] for c in told)
    if unsure:
        warnings.append(f"{unsure} candidates are unlike the rows that intervals were tested on")
