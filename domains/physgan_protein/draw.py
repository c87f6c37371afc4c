"""Pictures of sequences: residues in colours of their chemistry, and logos of sets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from physgan.errors import InputError
from physgan_protein import alphabet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CHEMISTRY = {
    "hydrophobic": ("AILMV", "#2b6ca3"),
    "aromatic": ("FWY", "#6b4c9a"),
    "polar": ("NQST", "#2f8f5b"),
    "acidic": ("DE", "#c23b3b"),
    "basic": ("HKR", "#c46a1b"),
    "special": ("CGP", "#7a7a7a"),
}
COLOURS = {letter: colour for letters, colour in CHEMISTRY.values() for letter in letters}
PER_LINE, LEAST = 40, 18
"""Tiles in a line, and those for which there is room in any case (the legend needs it)."""


def draw_sequence(sequence: str, reference: str | None = None) -> Figure:
    """Lines of 40 tiles coloured by chemistry; edits of ``reference`` are framed."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    lines = [sequence[i : i + PER_LINE] for i in range(0, len(sequence), PER_LINE)] or [""]
    width = max(LEAST, min(PER_LINE, len(sequence)))
    figure = Figure(figsize=(0.26 * width + 0.8, 0.42 * len(lines) + 0.8), layout="constrained")
    axes = figure.subplots()
    for row, line in enumerate(lines):
        for column, letter in enumerate(line):
            place = row * PER_LINE + column
            edited = reference is not None and reference[place : place + 1] != letter
            edge = "#111111" if edited else "white"
            colour = COLOURS.get(letter, "#dddddd")
            axes.add_patch(
                Rectangle((column, row), 1, 0.8, facecolor=colour, edgecolor=edge, linewidth=1.2)
            )
            axes.text(
                column + 0.5, row + 0.42, letter, ha="center", va="center",
                color="white", fontsize=8, family="monospace", fontweight="bold",
            )  # fmt: skip
        number = str(row * PER_LINE + 1)
        axes.text(-0.3, row + 0.42, number, ha="right", va="center", fontsize=7)
    axes.set(xlim=(-2, width + 0.2), ylim=(len(lines), -0.1))
    axes.axis("off")
    _legend(axes)
    return figure


def draw_logo(sequences: Sequence[str], title: str = "") -> Figure:
    """The information in each position of sequences of one length, residues stacked by share.

    Heights are p (log2 20 - H) in bits (Schneider & Stephens, 1990), without a small-sample
    correction. Raises InputError for sequences of different lengths.
    """
    from matplotlib.figure import Figure

    lengths = {len(sequence) for sequence in sequences}
    if len(lengths) != 1:
        raise InputError("a logo is of sequences of one length", fix="align or choose them first")
    length = lengths.pop()
    tokens = alphabet.encode(sequences, length)
    share = np.stack([(tokens == k).mean(axis=0) for k in range(alphabet.PAD)], axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        bits = np.where(share > 0, share * np.log2(share), 0.0).sum(axis=1)
    heights = share * (np.log2(alphabet.PAD) + bits)[:, None]
    figure = Figure(figsize=(min(18.0, 0.3 * length + 1.5), 2.4), layout="constrained")
    axes = figure.subplots()
    for place in range(length):
        base = 0.0
        for k in np.argsort(heights[place]):
            if heights[place, k] > 0.02:
                letter = alphabet.AMINO_ACIDS[k]
                _letter(axes, letter, place + 0.5, base, heights[place, k])
                base += heights[place, k]
    axes.set(xlim=(0.4, length + 0.6), ylim=(0, np.log2(alphabet.PAD)), ylabel="bits", title=title)
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _letter(axes: Axes, letter: str, left: float, base: float, height: float) -> None:
    """A letter stretched to a box one wide and ``height`` high."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.patches import PathPatch
    from matplotlib.textpath import TextPath
    from matplotlib.transforms import Affine2D

    path = TextPath((0, 0), letter, size=1, prop=FontProperties(family="monospace", weight="bold"))
    box = path.get_extents()
    fit = Affine2D().translate(-box.x0, -box.y0).scale(0.92 / box.width, height / box.height)
    moved = path.transformed(fit.translate(left + 0.04, base))
    axes.add_patch(PathPatch(moved, facecolor=COLOURS[letter], edgecolor="none"))


def _legend(axes: Axes) -> None:
    from matplotlib.patches import Patch

    handles = [Patch(color=colour, label=name) for name, (_, colour) in CHEMISTRY.items()]
    axes.legend(
        handles=handles, loc="upper center", bbox_to_anchor=(0.5, 0.02), ncols=6, fontsize=6,
        frameon=False, handlelength=0.8, columnspacing=0.8,
    )  # fmt: skip
