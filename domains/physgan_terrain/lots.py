"""What real tiles of a class are like, to be drawn from: a class alone says too little.

Relief spans two decades within a class. Samples that should follow the data, p(x) = E_c p(x | c),
are drawn under whole rows of the training data's properties; a world of which only the class is
asked takes one such row.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from physgan.errors import InputError
from physgan_terrain import exact

COLUMNS = ("class", *exact.UNITS, "limit")
"""Of a lot: class index (-1 unknown), properties, and the limit in degrees that it keeps."""
MOST = 256
FEWEST = 16


def lots_of(height: Tensor, index: Tensor, limit: Tensor, cell: float) -> Tensor:
    """Lots ``(M, 8)`` of tiles ``height (N, 1, S, S)`` with class ``index (N,)`` and ``limit (N,)``
    in degrees: at most 256 of a class, spread evenly over the data."""
    found = []
    for place in index.unique().tolist():
        rows = (index == place).nonzero().squeeze(1)
        rows = rows[torch.linspace(0, len(rows) - 1, min(MOST, len(rows))).long()]
        values = [formula(height[rows]) for formula in exact.formulas(cell).values()]
        found.append(torch.stack([index[rows].float(), *values, limit[rows]], dim=1))
    return torch.cat(found)


def draw_lots(lots: Tensor, index: Sequence[int] | Tensor, generator: torch.Generator) -> Tensor:
    """A lot ``(B, 8)`` for each class of ``index (B,)``; -1 stands for any class.

    Lots of a class are dealt like cards, so that none is drawn twice before all were. Raises
    InputError for a class of which there is none.
    """
    asked = torch.as_tensor(index)
    out = torch.empty(len(asked), lots.shape[1])
    for place in asked.unique().tolist():
        own = lots if place < 0 else lots[lots[:, 0] == place]
        if not len(own):
            raise InputError(f"the training data have no tile of class number {place}")
        rows = (asked == place).nonzero().squeeze(1)
        decks = -(-len(rows) // len(own))
        order = [torch.randperm(len(own), generator=generator) for _ in range(decks)]
        out[rows] = own[torch.cat(order)[: len(rows)]]
    return out


def values_of(lots: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
    """The properties ``names`` of lots ``(B, 8)``, as a schema reads them."""
    return {name: lots[:, COLUMNS.index(name)] for name in names}


def keeping(lots: Tensor, limit: float) -> Tensor:
    """Those of ``lots (M, 8)`` that come nearest to a slope limit in degrees, all as they are
    where it is infinite, and with less relief where they are steeper.

    A tile under a limit is not a steep one cut off but a gentler one: heights of at least half the
    steepness are scaled to it, as training does, or those of the gentlest 16.
    """
    wanted = math.tan(math.radians(min(limit, 89.0)))
    share = (wanted / torch.tan(torch.deg2rad(lots[:, -1]))).clamp(max=1.0)
    near = share >= 0.5
    if not bool(near.any()):
        near = share >= share.topk(min(FEWEST, len(share))).values[-1]
    found, share = lots[near].clone(), share[near]
    slope = COLUMNS.index("mean_slope")
    found[:, COLUMNS.index("relief")] *= share
    found[:, slope] = torch.rad2deg(torch.atan(share * torch.tan(torch.deg2rad(found[:, slope]))))
    found[:, -1] = torch.minimum(found[:, -1], torch.tensor(float(limit)))
    return found
