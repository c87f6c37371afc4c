"""The page of a training run: its curves and its configuration."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from pathlib import Path

from matplotlib.figure import Figure

from physgan.errors import InputError
from physgan.report import figures
from physgan.report.html import Html, el, join, number, page, table

METRICS, CONFIG, CARD = "metrics.csv", "config.toml", "card.md"
COLOURS = (figures.BLUE, figures.ORANGE, figures.GREEN, "#8a5fb4", figures.GREY, "#b8475f")


def read_metrics(path: Path) -> dict[str, list[tuple[float, float]]]:
    """Curves ``name -> [(step, value)]`` of a metrics.csv; empty cells and text are left out.

    Raises InputError where the file is missing or has no ``step`` column.
    """
    if not path.exists():
        raise InputError("no metrics were written", where=str(path))
    curves: dict[str, list[tuple[float, float]]] = defaultdict(list)
    with path.open(newline="", encoding="utf-8") as stream:
        reader = csv.DictReader(stream)
        if "step" not in (reader.fieldnames or ()):
            raise InputError("the first column must be 'step'", where=str(path))
        for row in reader:
            step = _number(row.pop("step", None))
            for name, text in row.items():
                value = _number(text)
                if step is not None and value is not None:
                    curves[name].append((step, value))
    return dict(curves)


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def training_page(folder: Path) -> str:
    """One self-contained HTML document about the run in ``folder``."""
    curves = read_metrics(folder / METRICS)
    title = f"Training of {folder.resolve().name}"
    steps = max((curve[-1][0] for curve in curves.values()), default=0)
    parts: list[Html] = []
    for group, names in _groups(curves).items():
        svg = figures.to_svg(_curves({name: curves[name] for name in names}), group)
        parts.append(el("figure", svg, el("figcaption", group)))
    rows = [
        [name, number(curve[0][1]), number(curve[-1][1]), number(min(v for _, v in curve))]
        for name, curve in curves.items()
    ]
    return page(
        title,
        el("h1", title),
        el("p", f"{steps:g} steps.", class_="soft"),
        el("h2", "Curves"),
        el("div", parts, class_="grid"),
        el("h2", "Figures"),
        table(["quantity", "first", "last", "smallest"], rows, range(1, 4)),
        _text(folder / CONFIG, "Configuration"),
        _text(folder / CARD, "Card"),
    )


def _groups(curves: dict[str, list[tuple[float, float]]]) -> dict[str, list[str]]:
    """Curves of one figure share what stands before the first slash or dot; six at most."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name in curves:
        head = name.replace(".", "/").split("/")[0]
        part = 1
        label = head
        while len(groups[label]) >= len(COLOURS):
            part += 1
            label = f"{head} ({part})"
        groups[label].append(name)
    return dict(groups)


def _curves(curves: dict[str, list[tuple[float, float]]]) -> Figure:
    figure, axes = figures.canvas()
    values = [value for curve in curves.values() for _, value in curve]
    for (name, curve), colour in zip(curves.items(), COLOURS, strict=False):
        steps, heights = zip(*curve, strict=True)
        marker = "o" if len(curve) == 1 else None
        axes.plot(steps, heights, color=colour, linewidth=1.3, marker=marker, label=name)
    low, high = min(values), max(values)
    if low > 0 and high / low > 200:
        axes.set_yscale("log")
    axes.set(xlabel="step")
    figures.legend(axes)
    return figure


def _text(path: Path, title: str) -> Html | None:
    if not path.exists():
        return None
    return join([el("h2", title), el("pre", path.read_text(encoding="utf-8"))])
