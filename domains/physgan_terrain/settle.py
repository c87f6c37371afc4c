"""Heights settled to the figures that were asked for, where a formula can do what a network nearly
did: filled so far that no more water is left, and stretched to the relief and the slopes."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from tensordict import TensorDict
from torch import Tensor

from physgan_terrain.exact import mean_slope, relief

ROUNDS = 8
"""Of the stretch, whose effect on slopes in degrees is not quite a factor."""
LARGEST = 10.0
"""The stretch is at most this and at least its inverse: a flat surface has none."""


class Settle:
    """Samples with the depth of filling, relief and mean slope that ``given["asked"]`` holds.

    More water than asked is filled up (``slope/drained.py``). Heights above the lowest are
    stretched by the one factor for which the logarithms of relief and mean slope are off by
    opposite amounts, or that of either alone. Without anything asked, samples stay as they are.
    """

    def __init__(self, cell: float) -> None:
        self.cell = cell

    def __call__(self, x: TensorDict, given: TensorDict) -> TensorDict:
        asked = given.get("asked", None)
        if asked is None:
            return x
        height = x["height"]
        if "fill_depth" in asked.keys():  # noqa: SIM118
            height = _drained(height, asked["fill_depth"])
        out = x.clone(recurse=False)
        low = height.amin(dim=(1, 2, 3), keepdim=True)
        factor = stretch(height - low, asked, self.cell)
        # What needs no stretch keeps its last bit.
        out["height"] = torch.where(factor == 1, height, low + (height - low) * factor)
        return out


def stretch(
    height: Tensor,
    asked: TensorDict | Mapping[str, Tensor],
    cell: float,
    *,
    pooled: bool = False,
    floor: float = -math.inf,
) -> Tensor:
    """Factors ``(B, 1, 1, 1)`` that bring ``height (B, 1, H, W)`` to its ``relief`` and
    ``mean_slope (B,)``, which may be missing or NaN; ``pooled``: the one factor that does so for
    all of them on average. Nothing is lower than ``floor``, the sea, whatever the factor."""
    formulas = {"relief": relief, "mean_slope": lambda z: mean_slope(z, cell)}
    known = [name for name in formulas if name in asked.keys()]  # noqa: SIM118
    log = height.new_zeros(len(height), dtype=torch.float64)
    bound = math.log(LARGEST)
    for _ in range(ROUNDS if known else 0):
        z = (height * log.exp().to(height)[:, None, None, None]).clamp(min=floor)
        gaps = [asked[name].to(height).log() - formulas[name](z).log() for name in known]
        step = torch.stack(gaps).double()
        step = step.where(step.isfinite(), torch.nan)
        gap = step.nanmean() if pooled else step.nanmean(dim=0)
        log = (log + gap.nan_to_num()).clamp(-bound, bound)
    return log.exp().to(height)[:, None, None, None]


def _drained(height: Tensor, share: Tensor) -> Tensor:
    from physgan_terrain.slope.drained import drained

    z = drained(height[:, 0].detach().cpu().double().numpy(), share.tolist())
    return torch.from_numpy(z)[:, None].to(height)
