"""Pictures of foams: each bubble in a colour of its own for life, films dark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from physgan_foam.foam import Foam

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GOLDEN = 0.6180339887498949


def picture(foam: Foam) -> NDArray[np.uint8]:
    """An image ``(H, W, 3)``; a bubble's colour depends on its name alone."""
    names = foam.labels.astype(np.int64)
    hue = (names * GOLDEN) % 1.0
    light = 0.72 + 0.2 * ((names * GOLDEN * GOLDEN * 7) % 1.0)
    ramp = np.abs(((hue[..., None] + np.array([0.0, 2 / 3, 1 / 3])) % 1.0) * 2 - 1)
    colour = light[..., None] * (0.45 + 0.55 * ramp)
    film = np.zeros(names.shape, bool)
    for axis in (0, 1):
        film |= names != np.roll(names, -1, axis)
    colour[film] = 0.12
    return (255 * colour).astype(np.uint8)


def draw(foam: Foam) -> Figure:
    """A figure of one foam, titled with how many bubbles it has."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4, 4.3), layout="constrained")
    axes = figure.add_subplot()
    axes.imshow(picture(foam), interpolation="nearest")
    axes.set_axis_off()
    axes.set_title(f"{foam.bubbles} bubbles, mean area {foam.mean_area:.0f} px$^2$", fontsize=10)
    return figure
