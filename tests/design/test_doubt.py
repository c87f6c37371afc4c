from types import SimpleNamespace
from typing import Any

import pytest

from physgan.design.candidate import Candidate, Estimate
from physgan.design.doubts import blind, flag_unusual, ranks_nothing


def candidates(*spreads):
    found = []
    for rank, spread in enumerate(spreads, 1):
        candidate = Candidate(f"candidate-{rank:03d}", "x", object(), 0, rank)
        candidate.predicted = {"strength": Estimate(1.0, spread, 0.5, 1.5)}
        found.append(candidate)
    return found


def knowing(report) -> Any:
    return SimpleNamespace(report=report)


def test_candidates_of_unusual_spread_are_flagged_and_counted():
    found, warnings = candidates(0.1, 0.3, 0.2), []
    report = {"properties": {"strength": {"spread_99": 0.25}, "shape": {"accuracy": 1.0}}}
    flag_unusual(knowing(report), found, warnings)
    assert [c.filters["interval_holds"] for c in found] == [True, False, True]
    assert warnings == ["1 candidates are unlike the rows that intervals were tested on"]


@pytest.mark.parametrize("report", [{}, {"properties": {"strength": {"mae": 1.0}}}])
def test_where_no_limit_was_kept_nothing_is_said(report):
    found, warnings = candidates(9.0), []
    flag_unusual(knowing(report), found, warnings)
    assert not found[0].filters and not warnings


def test_a_predictor_that_cannot_rank_is_told():
    row = {"rank_correlation": 0.03, "rank_chance": 0.3}
    report = {"properties": {"strength": row, "width": {**row, "rank_chance": 0.01}, "shape": {}}}
    names = ["strength", "width", "shape", "length"]
    assert blind(knowing(report), names) == ["strength"] and blind(None, names) == []
    (said,) = ranks_nothing(knowing(report), names, False)
    assert "strength" in said and "0.03" in said and "order" in said
    (said,) = ranks_nothing(knowing(report), names, True)
    assert "counts for nothing" in said
    assert ranks_nothing(None, names, False) == []
