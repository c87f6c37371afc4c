"""What is watched of each state of a rollout: counts, areas, and the laws of a pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from tensordict import TensorDict
from torch import Tensor

from physgan.sequences import Values, Watched
from physgan_foam import labels as fields
from physgan_foam.laws.plateau import plateau_residual
from physgan_foam.laws.von_neumann import COEFFICIENT
from physgan_foam.measures import mu2

if TYPE_CHECKING:
    from physgan_foam.domain import FoamDomain
    from physgan_foam.foam import Foam

MEAN = 0.3
"""Distance of the mean side number from 6; pixels miss films shorter than themselves."""
SIDES = 1.0
"""Root mean square error of dA/dtau in sides beyond which a rollout is no foam's any more."""
JUNCTION = 40.0
"""Degrees by which angles may be off 120 in the mean square; pixels alone make ten."""


def watch(
    domain: FoamDomain,
    state: TensorDict,
    previous: TensorDict | None,
    y: Values,
    elapsed: Tensor | None,
) -> dict[str, Watched]:
    """``bubbles``, ``mean_area``, ``mu2``, and as laws ``total_area``, ``mean_sides``, ``torn``,
    ``Plateau`` and ``von Neumann``, which is 0 before the first pass."""
    foams = domain.decode(state)

    def each(function: Callable[[Foam], float]) -> Tensor:
        return torch.tensor([function(foam) for foam in foams], dtype=torch.float32)

    sides = [fields.sides(foam.grid) for foam in foams]
    mean = torch.tensor([float(n[n > 0].mean()) for n in sides])
    box = float(state["labels"][0].numel())
    total = each(lambda foam: float(foam.labels.size))
    torn = each(lambda foam: float(fields.components(foam.grid) - foam.bubbles))
    corners = torch.stack([_plateau(foam) for foam in foams])
    found = {
        "bubbles": Watched(each(lambda foam: float(foam.bubbles))),
        "mean_area": Watched(each(lambda foam: foam.mean_area), "px^2"),
        "mu2": Watched(torch.tensor([mu2(n) for n in sides])),
        "total_area": Watched(total, "px^2", (total - box).abs(), 0.0, "px^2"),
        "mean_sides": Watched(mean, "", (mean - 6).abs(), MEAN),
        "torn": Watched(torn, "pieces", torn, 0.01 * box, "pieces"),
        "Plateau": Watched(corners, "degrees", corners, JUNCTION, "degrees"),
    }
    if previous is None or elapsed is None:
        return found | {"von Neumann": Watched(torch.zeros(len(foams)), "sides")}
    rows = zip(domain.decode(previous), foams, elapsed.tolist(), strict=True)
    error = torch.tensor([von_neumann_error(a, b, t) for a, b, t in rows])
    return found | {"von Neumann": Watched(error, "sides", error, SIDES, "sides")}


def _plateau(foam: Foam) -> Tensor:
    names = torch.from_numpy(foam.grid)[None, None]
    return plateau_residual(names, torch.ones_like(names, dtype=torch.float32))[0]


def rates(before: Foam, after: Foam, elapsed: float) -> tuple[NDArray[np.float64], ...]:
    """Mean side number less 6 and dA/dtau in units of pi/3 of the bubbles that live, ``(m,)``."""
    number = int(max(before.labels.max(), after.labels.max())) + 1
    start, end = (fields.areas(foam.labels, number) for foam in (before, after))
    sides = [fields.sides(foam.grid, number) for foam in (before, after)]
    lived = (start > 0) & (end > 0)
    mean = (sides[0] + sides[1])[lived] / 2
    return mean - 6.0, (end - start)[lived] / (elapsed * COEFFICIENT)


def von_neumann_error(before: Foam, after: Foam, elapsed: float) -> float:
    """Root mean square over living bubbles of dA/dtau / (pi/3) - (n - 6), Huberised at one side."""
    expected, rate = rates(before, after, elapsed)
    error = np.abs(rate - expected)
    square = np.where(error < 1, error**2, 2 * error - 1)
    return float(np.sqrt(square.mean())) if len(square) else 0.0
