"""Pictures of foams: films drawn as they are, across the edges of the periodic box."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from physgan_foam.solver.trajectory import Frame, Trajectory

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw_films(axes: Axes, frame: Frame, shape: tuple[float, float], color: str = "black") -> None:
    """Draw the films of ``frame`` in its box of ``shape`` (H, W), y upward."""
    from matplotlib.collections import LineCollection

    height, width = shape
    lines = []
    for path in frame.films():
        moved = path - np.floor(path.min(0) / [width, height]) * [width, height]
        for dx in (0, -width):
            for dy in (0, -height):
                copy = moved + np.array([dx, dy])
                if (copy.max(0) >= 0).all():
                    lines.append(copy)
    axes.add_collection(LineCollection(lines, colors=color, linewidths=0.8))
    axes.set(xlim=(0, width), ylim=(0, height), aspect="equal", xticks=[], yticks=[])


def draw_sides(axes: Axes, frame: Frame, shape: tuple[float, float]) -> None:
    """Colour each bubble by its side number and draw its films over it."""
    from physgan_foam.solver.raster import rasterise

    size = round(4 * shape[0]), round(4 * shape[1])
    labels = rasterise(frame, shape, size)
    sides = frame.sides[np.searchsorted(frame.ident, labels)]
    axes.imshow(
        sides, origin="lower", extent=(0, shape[1], 0, shape[0]), cmap="RdBu", vmin=2, vmax=10
    )
    draw_films(axes, frame, shape)


def strip(trajectory: Trajectory, path: Path, columns: int = 4) -> None:
    """Save ``columns`` frames, from the first to the last, side by side as ``path``."""
    figure = new_figure(3.2 * columns, 3.4)
    chosen = np.linspace(0, len(trajectory) - 1, columns).round().astype(int)
    for axes, i in zip(np.atleast_1d(figure.subplots(1, columns)), chosen, strict=True):
        frame = trajectory.frames[i]
        draw_sides(axes, frame, trajectory.shape)
        axes.set_title(f"tau = {frame.tau:.0f} px², {len(frame.ident)} bubbles", fontsize=8)
    figure.savefig(path, dpi=130)


def new_figure(width: float, height: float) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure
