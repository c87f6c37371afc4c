"""Figures of the report pages as inline SVG that takes the page's ink, and pictures as PNG."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from physgan.conditions import Target
from physgan.design.candidate import Proposals
from physgan.report.html import Html, el

INK = "#010203"
BLUE, ORANGE, GREY, GREEN = "#2f6fb0", "#d9822b", "#9aa3ad", "#3b8f5a"
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": ["sans-serif"],
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    **{f"{part}.color": INK for part in ("text", "xtick", "ytick")},
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlesize": 10,
}


def canvas(width: float = 4.6, height: float = 2.9) -> tuple[Figure, Axes]:
    """An empty figure in the pages' style, in inches."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        figure.patch.set_alpha(0)
        axes = figure.subplots()
        axes.patch.set_alpha(0)
    return figure, axes


def legend(axes: Axes) -> None:
    """The legend in one row above the axes, where it hides no data."""
    count = len(axes.get_legend_handles_labels()[1])
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=min(count, 4), frameon=False,
        fontsize=8, borderaxespad=0.2, handlelength=1.4, columnspacing=1.2, labelcolor=INK,
    )  # fmt: skip


def to_svg(figure: Figure, name: str) -> Html:
    """Inline SVG; ``name`` keeps its ids apart from those of the page's other figures."""
    stream = io.StringIO()
    style: dict[Any, Any] = _STYLE | {"svg.hashsalt": name}
    with matplotlib.rc_context(style):
        figure.savefig(stream, format="svg", metadata={"Date": None}, transparent=True)
    text = stream.getvalue()
    text = text[text.index("<svg") :].replace(INK, "currentColor")
    # Groups are called axes_1 in every figure; no rule refers to them.
    text = re.sub(r'<g id="[a-z0-9_.]+">', "<g>", text, flags=re.IGNORECASE)
    return Html(text)


def to_png(figure: Figure, alt: str, dpi: int = 110) -> Html:
    """An ``img`` with the picture inside."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=dpi, bbox_inches="tight", facecolor="white")
    data = base64.b64encode(stream.getvalue()).decode()
    return el("img", src=f"data:image/png;base64,{data}", alt=alt, loading="lazy")


def _mark_asked(axes: Axes, target: Target, horizontal: bool = False) -> None:
    line, span = (axes.axhline, axes.axhspan) if horizontal else (axes.axvline, axes.axvspan)
    if target.kind == "value":
        line(target.low, color=GREEN, linewidth=1.4, linestyle="--", label="asked")
    elif target.kind == "range":
        span(target.low, target.high, color=GREEN, alpha=0.18, linewidth=0, label="asked")


def _column(proposals: Proposals, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Predicted (or exact) and verified values ``(n,)``, NaN where there is none."""
    stated, verified = [], []
    for candidate in proposals:
        estimate = candidate.predicted.get(name)
        value = estimate.value if estimate else candidate.exact.get(name)
        stated.append(value if isinstance(value, float) else float("nan"))
        verified.append(float(candidate.verified.get(name, float("nan"))))
    return np.array(stated, dtype=float), np.array(verified, dtype=float)


def distribution(proposals: Proposals, target: Target, unit: str) -> Figure:
    """Histograms of predicted and verified values over the density of the training data."""
    figure, axes = canvas()
    stated, verified = _column(proposals, target.name)
    percentiles = np.asarray(proposals.percentiles[target.name], dtype=float)
    # A uniform grid through the quantile function is a sample of the training values.
    training = np.interp(np.linspace(0, 1, 4000), np.linspace(0, 1, 101), percentiles)
    shown = np.concatenate([training, stated, verified])
    shown = shown[np.isfinite(shown)]
    edges = np.histogram_bin_edges(shown, bins=36).tolist()
    axes.hist(training, edges, density=True, color=GREY, alpha=0.35, label="training data")
    for values, colour, label in ((stated, BLUE, "predicted"), (verified, ORANGE, "verified")):
        values = values[np.isfinite(values)]
        if len(values):
            axes.hist(
                values, edges, density=True, histtype="step", color=colour, linewidth=1.6,
                label=label,
            )  # fmt: skip
    _mark_asked(axes, target)
    axes.set(xlabel=_label(target.name, unit), yticks=[])
    axes.spines["left"].set_visible(False)
    legend(axes)
    return figure


def by_rank(proposals: Proposals, target: Target, unit: str) -> Figure:
    """Predicted value with its interval and verified value of each candidate, by rank."""
    figure, axes = canvas()
    stated, verified = _column(proposals, target.name)
    bars = _bars(proposals, target.name, stated)
    ranks = np.array([candidate.rank for candidate in proposals])
    _mark_asked(axes, target, horizontal=True)
    axes.errorbar(
        ranks, stated, yerr=bars, fmt="o", color=BLUE, markersize=4, linewidth=1, capsize=2,
        label="predicted" if bars is None else f"predicted, {proposals.level:.0%} interval",
    )  # fmt: skip
    if np.isfinite(verified).any():
        axes.plot(ranks + 0.18, verified, "D", color=ORANGE, markersize=4, label="verified")
    axes.set(xlabel="rank", ylabel=_label(target.name, unit))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    legend(axes)
    return figure


def parity(proposals: Proposals, target: Target, unit: str) -> Figure | None:
    """Verified against predicted values; None where nothing was verified."""
    stated, verified = _column(proposals, target.name)
    both = np.isfinite(stated) & np.isfinite(verified)
    if not both.any():
        return None
    figure, axes = canvas()
    bars = _bars(proposals, target.name, stated)
    axes.errorbar(
        stated[both], verified[both], xerr=None if bars is None else bars[:, both], fmt="o",
        color=BLUE, markersize=4, linewidth=0.8, alpha=0.9, label="candidates",
    )  # fmt: skip
    _mark_asked(axes, target, horizontal=True)
    ends = np.concatenate([stated[both], verified[both]])
    axes.axline((ends.mean(), ends.mean()), slope=1, color=GREY, linewidth=1)
    name = _label(target.name, unit)
    axes.set(xlabel=f"predicted {name}", ylabel=f"verified {name}")
    legend(axes)
    return figure


def _bars(proposals: Proposals, name: str, stated: np.ndarray) -> np.ndarray | None:
    """Distances ``(2, n)`` from the value to its bounds; None without finite intervals."""
    bounds: list[Sequence[float]] = []
    for candidate, value in zip(proposals, stated, strict=True):
        estimate = candidate.predicted.get(name)
        low, high = (estimate.low, estimate.high) if estimate else (None, None)
        finite = low is not None and high is not None and np.isfinite([low, high]).all()
        bounds.append((value - low, high - value) if finite else (0.0, 0.0))  # type: ignore
    bars = np.array(bounds, dtype=float).T.clip(min=0)
    return bars if bars.any() else None


def _label(name: str, unit: str) -> str:
    return f"{name} / {unit}" if unit else name
