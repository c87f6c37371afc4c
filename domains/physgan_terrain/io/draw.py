"""Pictures of heightmaps: shaded relief, slope against its limit, sheets of many side by side.

Figures of matplotlib, free of pyplot's state and the same every time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from physgan.errors import InputError
from physgan_terrain.heightmap import Heightmap
from physgan_terrain.io.rows import check_finite
from physgan_terrain.io.shade import exaggeration_for, fit, hillshade, still_water

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST = 1200
"""Pixels of the longer side that a map is drawn with; larger ones are averaged down."""
LEAST = 384
"""Smaller ones are smoothed up to this before shading."""
TINTS = (
    (0.00, "#8fa888"), (0.22, "#b7c19a"), (0.45, "#d9d2ab"), (0.65, "#c9ae8b"),
    (0.83, "#b59c8c"), (1.00, "#f4f1ee"),
)  # fmt: skip
"""Colours from the lowest to the highest land of a map."""
SEA = (0.60, 0.72, 0.80)
OVER = "#d4007a"
"""Of cells above the slope limit."""
_INK, _FAINT = "#2b2b2b", "#6a6a6a"


def draw_hillshade(heightmap: Heightmap, title: str = "", size: float = 7.0) -> Figure:
    """Shaded relief tinted by height, with a scale bar in km and a height scale in metres.

    ``size`` is the width in inches. Raises InputError where a height is not a number.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    figure, axes = _page(heightmap, title, size)
    axes.imshow(relief(heightmap), interpolation="lanczos")
    _scale_bar(axes, heightmap)
    low, high = float(heightmap.z.min()), float(heightmap.z.max())
    bar = figure.add_axes((0.89, 0.25, 0.022, 0.5))
    scale = figure.colorbar(ScalarMappable(Normalize(low, max(high, low + 1e-3)), _tints()), bar)
    _quiet(scale, "m")
    return figure


def draw_slope(
    heightmap: Heightmap, limit: float | None = None, title: str = "", size: float = 7.0
) -> Figure:
    """Horn's slope in degrees of the interior cells; those above ``limit`` stand out in magenta.

    Where a map is drawn smaller than it is, a pixel shows the steepest of its cells, so that none
    above the limit goes unseen. Raises InputError where a height is not a number.
    """
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    from physgan_terrain.slope.operators import horn

    figure, axes = _page(heightmap, title, size)
    slopes = horn(heightmap.z, heightmap.cell)
    steepest = float(slopes.max())
    greys = colormaps["bone_r"](np.linspace(0.04, 0.92, 256))
    colours = ListedColormap(greys).with_extremes(over=OVER)
    top = float(limit) if limit is not None else steepest
    image = axes.imshow(
        _steepest(slopes, MOST), cmap=colours, vmin=0, vmax=max(top, 1e-3), interpolation="nearest"
    )
    _scale_bar(axes, heightmap)
    bar = figure.add_axes((0.89, 0.25, 0.022, 0.5))
    scale = figure.colorbar(image, bar, extend="neither" if limit is None else "max")
    _quiet(scale, "degrees")
    if limit is not None:
        share = float((slopes > limit).mean())
        axes.set_xlabel(
            f"steepest {steepest:.2f} degrees, limit {limit:g}; "
            f"{f'{share:.2%} of the cells' if share else 'no cell'} above it",
            fontsize=9, color=_INK,
        )  # fmt: skip
    return figure


def draw_sheet(
    panels: Sequence[tuple[str, Heightmap]], columns: int = 5, size: float = 1.9
) -> Figure:
    """Shaded panels side by side, ``columns`` to a row and ``size`` inches wide each.

    Under each title stand its relief and width. Raises InputError for no panels or no columns.
    """
    from matplotlib.figure import Figure

    if not panels or columns < 1:
        raise InputError(f"{len(panels)} panels in {columns} columns", fix="at least one of each")
    columns = min(columns, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(columns * size, rows * (size + 0.42)), dpi=150, facecolor="white")
    grid = figure.add_gridspec(
        rows, columns, left=0.012, right=0.988, bottom=0.012, top=1 - 0.36 / (rows * (size + 0.42)),
        wspace=0.06, hspace=0.42 / size,
    )  # fmt: skip
    for i, (title, heightmap) in enumerate(panels):
        axes = figure.add_subplot(grid[i // columns, i % columns])
        axes.imshow(relief(heightmap), interpolation="lanczos")
        _bare(axes)
        z, width = heightmap.z, heightmap.shape[1] * heightmap.cell / 1000
        axes.text(0, 1.135, title, transform=axes.transAxes, fontsize=8, color=_INK)
        facts = f"{float(np.ptp(z)):,.0f} m relief, {width:.3g} km"
        axes.text(0, 1.03, facts, transform=axes.transAxes, fontsize=6, color=_FAINT)
    return figure


def relief(heightmap: Heightmap) -> NDArray[np.float32]:
    """The shaded, tinted picture (h, w, 3) in 0..1 that the figures show.

    Heights are stretched for the shading only, the more the gentler they are
    (``shade.exaggeration_for``). Raises InputError where a height is not a number.
    """
    check_finite(heightmap)
    z, cell = fit(heightmap.z, heightmap.cell, MOST, LEAST)
    light = hillshade(z, cell, exaggeration_for(z, cell))
    low, high = np.quantile(z, [0.005, 0.995])
    land = _tints()(np.clip((z - low) / max(float(high - low), 1e-3), 0, 1))[..., :3]
    water, _ = fit(still_water(heightmap.z).astype(np.float32), heightmap.cell, MOST, LEAST)
    wet = np.clip(2 * water - 0.5, 0, 1)[..., None]
    tint = land * (1 - wet) + np.array(SEA) * wet
    shade = light[..., None] / 0.72
    return np.clip(tint * (0.12 + 0.88 * shade), 0, 1).astype(np.float32)


def _tints():
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("terrain", list(TINTS))


def _page(heightmap: Heightmap, title: str, size: float) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    check_finite(heightmap)
    rows, columns = heightmap.shape
    tall = min(max(rows / columns, 0.3), 2.5)
    figure = Figure(figsize=(size, 0.84 * size * tall + 0.9), dpi=150, facecolor="white")
    margin = 0.45 / figure.get_figheight()
    axes = figure.add_axes((0.02, margin, 0.84, 1 - 2 * margin))
    _bare(axes)
    axes.set_title(title, fontsize=12, color=_INK, loc="left")
    return figure, axes


def _bare(axes: Axes) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def _quiet(scale, label: str) -> None:
    scale.outline.set_visible(False)
    scale.ax.tick_params(labelsize=8, colors=_INK, length=2)
    scale.ax.set_title(label, fontsize=8, color=_INK)


def _scale_bar(axes: Axes, heightmap: Heightmap) -> None:
    from matplotlib.patches import Rectangle

    width = heightmap.shape[1] * heightmap.cell / 1000
    power = 10.0 ** np.floor(np.log10(width / 4))
    length = max(n * power for n in (1, 2, 5) if n * power <= width / 4 * (1 + 1e-9))
    share = length / width
    axes.add_patch(Rectangle(
        (0.035, 0.035), share, 0.009, transform=axes.transAxes, facecolor="white",
        edgecolor=_INK, linewidth=0.7,
    ))  # fmt: skip
    axes.text(
        0.035 + share / 2, 0.056, f"{length:g} km", transform=axes.transAxes, ha="center",
        fontsize=9, color=_INK, bbox={"facecolor": "white", "alpha": 0.6, "lw": 0, "pad": 1.2},
    )  # fmt: skip


def _steepest(slopes: NDArray[np.floating], most: int) -> NDArray[np.floating]:
    """The largest of each block, so that at most ``most`` a side are left."""
    block = -(-max(slopes.shape) // most)
    if block == 1:
        return slopes
    below, beside = ((-n) % block for n in slopes.shape)
    padded = np.pad(slopes, ((0, below), (0, beside)), mode="edge")
    rows, columns = padded.shape[0] // block, padded.shape[1] // block
    return padded.reshape(rows, block, columns, block).max(axis=(1, 3))
