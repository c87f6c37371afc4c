"""What the foam benchmark measures on the reference solver alone: laws and distributions."""

from __future__ import annotations

from typing import Any

import numpy as np

from physgan_foam.solver import laws, statistics
from physgan_foam.solver.front_tracking import FrontTracking, Options
from physgan_foam.solver.initial import voronoi
from physgan_foam.validation.scaling import SCALED, reference

BUBBLES, SIZE, UNTIL = 1000, 256, 130
"""Bubbles and pixels a side of the benchmark's foams at the start, and bubbles at their end."""
SEED = 0
COUNTED = 3000
"""Bubbles of the scaling state in which side numbers are first counted."""


def laws_kept(beta: float) -> dict[str, float]:
    """Von Neumann, sum of squares, areas, side numbers and angles over one run."""
    run = FrontTracking(Options(beta=beta)).run(
        voronoi(BUBBLES, (SIZE, SIZE), SEED), interval=0.02, relative=True, until=UNTIL
    )
    line = laws.von_neumann(run)
    late = [frame for frame in run.frames if 3 * len(frame.ident) <= BUBBLES]
    means = [abs(statistics.mean_sides(frame) - 6) for frame in run.frames]
    found = {
        "von_neumann_slope_error": 100 * abs(line.slope - 1),
        "von_neumann_r2": line.r2,
        "identity_error": 100 * abs(laws.sum_of_squares(run) - 1),
        "area_error": run.about["total_area_error"],
        "mean_sides_error": max(means),
        "angle_deviation": laws.angle_deviation(late),
    }
    return found | ({"laplace_r2": laws.laplace(late, beta).r2} if beta < 1 else {})


def side_numbers(beta: float = 1.0, counted: int = COUNTED) -> dict[str, float]:
    """L1 distance of p(n) from the table of PHYSGAN_DATA, from ``counted`` bubbles of the scaling
    state down to half of them."""
    table = reference(beta)
    if table is None:
        raise SystemExit("set PHYSGAN_DATA: foam/reference_statistics.json is not there")
    bubbles = SCALED * counted
    side = round(SIZE * np.sqrt(bubbles / BUBBLES))
    run = FrontTracking(Options(beta=beta)).run(
        voronoi(bubbles, (side, side), SEED), interval=0.1, relative=True, until=counted // 2
    )
    late = [frame for frame in run.frames if len(frame.ident) <= counted]
    probability = statistics.side_distribution(late)
    return {
        "pn_l1": statistics.side_distance(probability, table["side_number_probability"]),
        "bubbles_counted": float(sum(len(frame.ident) for frame in late)),
    }


def summary(kept: dict[float, dict[str, float]], counts: dict[str, float]) -> dict[str, Any]:
    """The figures of the solver: the worst over the betas where a law holds at each."""
    rows = list(kept.values())
    most = ("von_neumann_slope_error", "area_error", "mean_sides_error", "angle_deviation")
    figures: dict[str, Any] = {f"solver_{key}": max(row[key] for row in rows) for key in most}
    figures["solver_von_neumann_r2"] = min(row["von_neumann_r2"] for row in rows)
    for beta, row in kept.items():
        figures[f"solver_identity_error_{tag(beta)}"] = row["identity_error"]
        if "laplace_r2" in row:
            figures[f"solver_laplace_r2_{tag(beta)}"] = row["laplace_r2"]
    return figures | {f"solver_{key}": value for key, value in counts.items()}


def tag(beta: float) -> str:
    """``beta1``, ``beta01``: how keys name a beta."""
    return f"beta{beta:g}".replace(".", "")
