"""The page of objectives: what every one makes of the ring, and what can be set of each."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from inspect import Parameter
from pathlib import Path
from typing import Any

from physgan.objectives import OBJECTIVES
from physgan.registry import constants_of
from physgan.regularizers import AUGMENTATIONS, REGULARIZERS
from physgan.testing.gaussians import GaussianRing

PICTURE = Path(__file__).parents[1] / "docs" / "objectives_ring.png"
COLUMNS = 9
REACH = 1.6


def picture(
    points: Mapping[str, Sequence[Sequence[float]]], ring: GaussianRing, file: Path = PICTURE
) -> Path:
    """Samples of each objective on the ring as small multiples, three-sigma circles behind."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Circle

    rows = math.ceil(len(points) / COLUMNS)
    figure = Figure(figsize=(1.45 * COLUMNS, 1.65 * rows), dpi=100, layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(rows, COLUMNS, squeeze=False).ravel()
    for axes in panels:
        axes.set_axis_off()
    for axes, (name, cloud) in zip(panels, points.items(), strict=False):
        for centre in ring.centres.tolist():
            axes.add_patch(Circle(tuple(centre), 3 * ring.sigma, color="0.85", lw=0))
        axes.scatter(*zip(*cloud, strict=True), s=2, lw=0, color="tab:blue")
        if not any(abs(x) < REACH and abs(y) < REACH for x, y in cloud):
            axes.text(0, 0, "none in view", ha="center", va="center", fontsize=8)
        axes.set(xlim=(-REACH, REACH), ylim=(-REACH, REACH), aspect="equal", title=name)
        axes.title.set_fontsize(9)
        axes.set_axis_on()
        axes.set(xticks=[], yticks=[])
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file)
    return file


SETTINGS_OF = {
    "objectives": OBJECTIVES,
    "regularizers": REGULARIZERS,
    "augmentations": AUGMENTATIONS,
}
"""What has constants, by kind."""


def constants_table(kind: str) -> str:
    """Every registered name with its constants and their defaults."""
    lines = ["| | constants |", "|---|---|"]
    for name, cls in SETTINGS_OF[kind].items():
        constants = ", ".join(f"`{key}={told(value)}`" for key, value in constants_of(cls).items())
        lines.append(f"| `{name}` | {constants or '-'} |")
    return "\n".join(lines)


def told(value: Any) -> str:
    """A default as one writes it after ``--set``; nothing where there is none."""
    return "" if value is Parameter.empty else json.dumps(value)
