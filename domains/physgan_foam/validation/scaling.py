"""A coarsening foam in its scaling state: laws, distributions, and what was measured before."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from physgan_foam.solver import initial, laws, statistics
from physgan_foam.solver.front_tracking import FrontTracking, Options
from physgan_foam.validation.pictures import new_figure, strip

TABLES = {1.0: "grain_growth", 0.1: "foam"}
SCALED = 7
"""A foam from Voronoi is self-similar after its bubbles have become this many times fewer."""


def reference(beta: float) -> dict[str, Any] | None:
    """The table of ``beta`` in ``$PHYSGAN_DATA/foam``, or None without one."""
    root = os.environ.get("PHYSGAN_DATA")
    path = Path(root or "") / "foam" / "reference_statistics.json"
    if root is None or beta not in TABLES or not path.exists():
        return None
    return json.loads(path.read_text())[TABLES[beta]]


def scaling_state(out: Path, beta: float, bubbles: int, runs: int) -> dict[str, float]:
    """Figures of ``runs`` runs from ``bubbles`` bubbles to a tenth, drawn into ``out``."""
    side = round(256 * np.sqrt(bubbles / 1000))
    name = f"beta {beta:g}"
    trajectories = [
        FrontTracking(Options(beta=beta)).run(
            initial.voronoi(bubbles, (side, side), seed), interval=0.02, relative=True,
            until=bubbles // (2 * SCALED),
        )
        for seed in range(runs)
    ]  # fmt: skip
    strip(trajectories[0], out / f"foam_beta_{beta:g}.png")
    late = [f for run in trajectories for f in run.frames if len(f.ident) <= bubbles / SCALED]
    line = laws.von_neumann(trajectories[0])
    probability = statistics.side_distribution(late)
    figures = {
        "von Neumann slope": line.slope,
        "von Neumann R2": line.r2,
        "sum of squares identity": float(np.mean([laws.sum_of_squares(r) for r in trajectories])),
        "total area error": max(run.about["total_area_error"] for run in trajectories),
        "mean sides": float(np.mean([statistics.mean_sides(frame) for frame in late])),
        "angle deviation / degree": laws.angle_deviation(late),
        "mu2": statistics.mu2(late),
        "<A^2>/<A>^2": float((statistics.relative_areas(late) ** 2).mean()),
        "area-weighted sides": statistics.area_weighted_sides(late),
        "bubbles counted": float(sum(len(frame.ident) for frame in late)),
        "seconds": float(np.mean([run.about["seconds"] for run in trajectories])),
    }
    if beta < 1:
        arcs = laws.laplace(late, beta)
        figures |= {"Laplace slope": arcs.slope, "Laplace R2": arcs.r2}
    table = reference(beta)
    if table:
        distance = statistics.side_distance(probability, table["side_number_probability"])
        figures["p(n): L1 distance from the table"] = distance
    _plot(out / f"scaling_beta_{beta:g}.png", trajectories[0], late, probability, table)
    return {f"{name}: {key}": value for key, value in figures.items()}


def _plot(path: Path, run, late, probability, table) -> None:
    figure = new_figure(12, 3.6)
    growth, sides, areas = figure.subplots(1, 3)
    x, y = laws.growth(run)
    growth.plot(x, y, ".", ms=2, alpha=0.3)
    growth.plot([-4, 5], [-4, 5], "k-", lw=0.8)
    growth.set(xlabel="mean n - 6", ylabel="dA/dtau / (pi/3)", xlim=(-4, 6), ylim=(-4, 6))
    sides.bar(np.arange(len(probability)), probability, label="this run", alpha=0.6)
    edges = np.linspace(0, 4, 17)
    areas.hist(statistics.relative_areas(late), edges, density=True, alpha=0.6, label="this run")
    if table:
        known = {int(n): p for n, p in table["side_number_probability"].items()}
        sides.plot(list(known), list(known.values()), "k_", ms=12, label="table")
        areas.stairs(table["area_pdf"]["density"], edges, color="k", label="table")
    sides.set(xlabel="sides n", ylabel="p(n)", xlim=(1.5, 12.5))
    areas.set(xlabel="A / <A>", ylabel="density")
    sides.legend()
    areas.legend()
    figure.savefig(path, dpi=130)
