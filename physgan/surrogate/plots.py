"""What was watched over a rollout, with its uncertainty and its laws."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from physgan.surrogate.rollout import Trajectory
from physgan.surrogate.trust import Band, Calibration, Horizon

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TINY = 1e-12
"""Residuals below are drawn here, as an axis of logarithms has no zero."""


def plot_watched(
    trajectories: Sequence[Trajectory],
    found: Mapping[str, Band],
    trust: Horizon,
    calibration: Calibration | None = None,
    time_unit: str = "",
    truth: Mapping[str, tuple[np.ndarray, np.ndarray]] | None = None,
) -> Figure:
    """A row per quantity: its mean, band and, beside it, how far its law is from its tolerance.

    ``truth`` has the reference's times and values by quantity, where they are known.
    """
    from matplotlib.figure import Figure

    rows = len(found)
    figure = Figure(figsize=(9, 2.3 * rows + 0.6), layout="constrained")
    axes = figure.subplots(rows, 2, squeeze=False)
    for (left, right), (name, band) in zip(axes, found.items(), strict=True):
        _values(left, name, band, trajectories, calibration)
        if truth and name in truth:
            left.plot(*truth[name], color="black", lw=1, ls="--", label="reference")
        _residuals(right, name, trajectories)
        for side in (left, right):
            if math.isfinite(trust.time) and side.axison:
                side.axvline(trust.time, color="tab:red", lw=1, ls=":")
            side.set_xlabel(f"time ({time_unit})" if time_unit else "time")
        if left.get_legend_handles_labels()[1]:
            left.legend(fontsize="small")
    if math.isfinite(trust.time):
        figure.suptitle(f"not to be trusted beyond the red line: {trust.reason}", fontsize="medium")
    return figure


def _values(
    axes: Axes,
    name: str,
    band: Band,
    trajectories: Sequence[Trajectory],
    calibration: Calibration | None,
) -> None:
    unit = trajectories[0].watched[name].unit
    axes.plot(band.times, band.mean, color="tab:blue", label="surrogate")
    half = calibration.half(name, band) if calibration else None
    if half is not None or band.spread.any():
        told = "one deviation" if half is None else f"{calibration.level:.0%} band"  # type: ignore[union-attr]
        half = band.spread if half is None else half
        axes.fill_between(band.times, band.mean - half, band.mean + half, alpha=0.3, label=told)
    axes.set_ylabel(f"{name} ({unit})" if unit else name)


def _residuals(axes: Axes, name: str, trajectories: Sequence[Trajectory]) -> None:
    series = trajectories[0].watched[name]
    if series.residuals is None:
        axes.axis("off")
        return
    for trajectory in trajectories:
        residuals = trajectory.watched[name].residuals
        if residuals is not None:
            axes.semilogy(trajectory.times[1:], residuals.clamp(min=TINY), color="0.4", lw=0.8)
    if math.isfinite(series.tolerance):
        axes.axhline(series.tolerance, color="tab:red", lw=1, label="tolerance")
        axes.legend(fontsize="small")
    unit = series.residual_unit
    axes.set_ylabel(f"residual ({unit})" if unit else "residual")
