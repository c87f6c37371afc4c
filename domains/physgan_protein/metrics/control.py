"""How well what was asked is what came: error, rank, and each quantile of the request apart."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def calibration(asked: ArrayLike, achieved: ArrayLike, bins: int = 10) -> dict[str, Any]:
    """``asked (n,)`` beside ``achieved (n,)``, NaN where unknown (those rows are left out).

    ``mae``, ``spearman``, ``known`` (share of rows), ``monotone`` (whether the mean achieved never
    falls from one bin of the request to the next) and ``rows``: by quantile bin of what was asked
    the means and the error. Equal requests are always in one bin.
    """
    from scipy.stats import spearmanr

    want, got = (np.asarray(v, dtype=np.float64).ravel() for v in (asked, achieved))
    both = np.isfinite(want) & np.isfinite(got)
    share = float(both.mean()) if len(both) else float("nan")
    want, got = want[both], got[both]
    found: dict[str, Any] = {"known": share, "count": len(want)}
    if len(want) < 2:
        nothing = float("nan")
        return found | {"mae": nothing, "spearman": nothing, "monotone": None, "rows": []}
    edges = np.quantile(want, np.linspace(0, 1, bins + 1)[1:-1])
    place = np.searchsorted(edges, want, side="left")
    rows = []
    for index in np.unique(place):
        here = place == index
        rows.append(
            {
                "count": int(here.sum()),
                "asked": float(want[here].mean()),
                "achieved": float(got[here].mean()),
                "mae": float(np.abs(want - got)[here].mean()),
            }
        )
    means = np.array([row["achieved"] for row in rows])
    varies = len(np.unique(want)) > 1 and len(np.unique(got)) > 1
    return found | {
        "mae": float(np.abs(want - got).mean()),
        "spearman": float(spearmanr(want, got).statistic) if varies else float("nan"),  # type: ignore
        "monotone": bool((np.diff(means) >= 0).all()),
        "rows": rows,
    }
