"""Adversarial objectives by name. A new one is one file here and one line in ``OBJECTIVES``."""

from __future__ import annotations

from typing import Any

from physgan.objectives.base import Objective
from physgan.objectives.boundary_equilibrium import BoundaryEquilibrium
from physgan.objectives.covariance_matching import CovarianceMatching
from physgan.objectives.cramer import Cramer
from physgan.objectives.energy import EnergyBased
from physgan.objectives.f_gan import F_GANS
from physgan.objectives.fisher import Fisher
from physgan.objectives.generative_moment_matching import MomentMatching
from physgan.objectives.hinge import Hinge
from physgan.objectives.least_squares import LeastSquares
from physgan.objectives.margin_adaptation import MarginAdaptation
from physgan.objectives.mean_matching import MeanMatching
from physgan.objectives.minimax import Minimax
from physgan.objectives.mmd_gan import MMDGAN
from physgan.objectives.non_saturating import NonSaturating
from physgan.objectives.relativistic_average import RelativisticAverage
from physgan.objectives.relativistic_paired import RelativisticPaired
from physgan.objectives.relaxed_wasserstein import RelaxedWasserstein
from physgan.objectives.wasserstein import Wasserstein
from physgan.objectives.wasserstein_clip import WassersteinClip
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
    "rwgan": RelaxedWasserstein,
    "mcgan-mean": MeanMatching,
    "mcgan-covariance": CovarianceMatching,
    "gmmn": MomentMatching,
    "mmd-gan": MMDGAN,
    "cramer": Cramer,
    "fisher": Fisher,
    "ebgan": EnergyBased,
    "began": BoundaryEquilibrium,
    "magan": MarginAdaptation,
    **F_GANS,
}


def build(name: str, **constants: Any) -> Objective:
    """The objective called ``name`` with ``constants``.

    Raises InputError that lists the known names, or the known constants of that objective, and
    for a constant of the wrong type or out of its range.
    """
    return build_from(OBJECTIVES, "objective", name, **constants)


__all__ = ["OBJECTIVES", "Objective", "build"]
