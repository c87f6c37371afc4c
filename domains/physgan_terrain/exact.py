"""Properties that follow from a tile's heights, as formulas on batches ``height (B, 1, H, W)``."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from physgan.domain import Property
from physgan_terrain.classes import CLASSES
from physgan_terrain.hollows import fill_depth, pit_depth

BAND = (3, 16)
"""Wave numbers of a 64-cell tile between which the spectrum is fitted."""


def relief(height: Tensor) -> Tensor:
    """Highest less lowest, in metres, ``(B,)``."""
    return height.amax(dim=(1, 2, 3)) - height.amin(dim=(1, 2, 3))


def hypsometric_integral(height: Tensor) -> Tensor:
    """(mean - lowest) / relief (Pike & Wilson 1971), ``(B,)``."""
    low = height.amin(dim=(1, 2, 3))
    return (height.mean(dim=(1, 2, 3)) - low) / relief(height).clamp(min=1e-6)


def mean_slope(height: Tensor, cell: float) -> Tensor:
    """Mean Horn slope of the interior in degrees, ``(B,)``."""
    from physgan_terrain.slope.operators import horn_batch

    return horn_batch(height, cell).mean(dim=(1, 2, 3))


def beta(height: Tensor) -> Tensor:
    """Exponent of the radial power spectrum, power ~ k^-beta, by least squares over ``BAND``."""
    side = height.shape[-1]
    window = torch.hann_window(side, periodic=False, dtype=height.dtype, device=height.device)
    level = height[:, 0] - height[:, 0].mean(dim=(1, 2), keepdim=True)
    power = torch.fft.fft2(level * window[:, None] * window).abs().square()
    k = torch.fft.fftfreq(side, 1 / side, device=height.device)
    radius = torch.hypot(k[:, None], k[None]).round().flatten()
    low, high = BAND
    # A product with the rings' indicators, because a mask would wait for the device.
    ring = (radius[:, None] == torch.arange(low, high + 1, device=height.device)).to(height.dtype)
    means = power.flatten(1) @ (ring / ring.sum(dim=0))
    logs = means.clamp(min=1e-12).log()
    x = torch.arange(low, high + 1, dtype=height.dtype, device=height.device).log()
    x = x - x.mean()
    return -(logs * x).sum(dim=1) / x.square().sum()


def steepest_edge(height: Tensor, cell: float) -> Tensor:
    """The least slope limit in degrees, ``(B,)``, that the projection would not touch: the
    steepest step to a neighbour as a gradient, over cos 22.5 degrees."""
    z = height[:, 0]
    axis = torch.maximum(
        (z[:, 1:] - z[:, :-1]).abs().amax(dim=(1, 2)),
        (z[:, :, 1:] - z[:, :, :-1]).abs().amax(dim=(1, 2)),
    )
    diagonal = torch.maximum(
        (z[:, 1:, 1:] - z[:, :-1, :-1]).abs().amax(dim=(1, 2)),
        (z[:, 1:, :-1] - z[:, :-1, 1:]).abs().amax(dim=(1, 2)),
    )
    step = torch.maximum(axis, diagonal / math.sqrt(2))
    return torch.rad2deg(torch.atan(step / (cell * math.cos(math.pi / 8))))


def formulas(cell: float) -> dict[str, Callable[[Tensor], Tensor]]:
    """``height (B, 1, H, W) -> (B,)`` by property."""
    return {
        "relief": relief,
        "mean_slope": lambda height: mean_slope(height, cell),
        "beta": beta,
        "hypsometric_integral": hypsometric_integral,
        "pits": pit_depth,
        "fill_depth": fill_depth,
    }


UNITS = {
    "relief": "m",
    "mean_slope": "deg",
    "beta": "1",
    "hypsometric_integral": "1",
    "pits": "1",
    "fill_depth": "1",
}

DECADES = {"relief": 0.0, "mean_slope": 0.0, "pits": 1e-3, "fill_depth": 1e-4}
"""Properties that span decades, and what is added to them before the logarithm."""


def properties(cell: float, classes: tuple[str, ...] = CLASSES) -> dict[str, Property]:
    """Every property of terrain on cells of ``cell`` metres, by name."""
    found = {
        name: Property(
            name,
            UNITS[name],
            exact=lambda x, f=formula: f(x["height"]),
            differentiable=True,
            log=name in DECADES,
            shift=DECADES.get(name, 0.0),
        )
        for name, formula in formulas(cell).items()
    }
    return {"class": Property("class", "", classes=classes), **found}
