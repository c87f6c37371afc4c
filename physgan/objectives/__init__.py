"""Adversarial objectives by name. A new one is one file here and one line in ``OBJECTIVES``."""

from __future__ import annotations

from typing import Any

from physgan.objectives.base import Objective
from physgan.objectives.hinge import Hinge
from physgan.objectives.jensen_shannon import Minimax, NonSaturating
from physgan.objectives.least_squares import LeastSquares
from physgan.objectives.relativistic import RelativisticAverage, RelativisticPaired
from physgan.objectives.wasserstein import Wasserstein, WassersteinClip
from physgan.registry import build_from

OBJECTIVES: dict[str, type[Objective]] = {
    "non-saturating": NonSaturating,
    "minimax": Minimax,
    "wgan-clip": WassersteinClip,
    "wgan": Wasserstein,
    "lsgan": LeastSquares,
    "hinge": Hinge,
    "rpgan": RelativisticPaired,
    "ragan": RelativisticAverage,
}


def build(name: str, **constants: Any) -> Objective:
    """The objective called ``name`` with ``constants``.

    Raises InputError that lists the known names, or the known constants of that objective.
    """
    return build_from(OBJECTIVES, "objective", name, **constants)


__all__ = ["OBJECTIVES", "Objective", "build"]
