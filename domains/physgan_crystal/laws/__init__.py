"""The laws of crystals: residuals with tolerances, and projections after which they hold."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from torch import nn

from physgan.domain import Penalty, Projection
from physgan.errors import InputError
from physgan_crystal.laws.charge import ChargeLaw
from physgan_crystal.laws.distance import DistanceLaw
from physgan_crystal.laws.projections import (
    ChargeProjection,
    DistanceProjection,
    SeparationProjection,
)
from physgan_crystal.laws.volume import VolumeLaw, fit_atomic_volumes

TOLERANCES = {"distance": 0.005, "volume": 0.005, "charge": 0.1}

__all__ = ["TOLERANCES", "fit_atomic_volumes", "penalties", "projections"]


def penalties(
    library: nn.Module,
    *,
    atomic_volume: np.ndarray | None = None,
    volume_band: float | None = None,
    tolerances: Mapping[str, float] | None = None,
) -> tuple[Penalty, ...]:
    """The three laws of crystals ``x`` that ``library`` expands.

    ``atomic_volume (100,)`` in A^3 and ``volume_band`` come from ``fit_atomic_volumes`` on the
    training data; without them the volume law is that of the pure elements, and lenient.
    ``tolerances`` replaces ``TOLERANCES`` by name: real compounds that SMACT's states do not
    explain (intermetallics, mixed valence) have a charge residual too, which no generator that
    learns from them should be asked to beat.
    """
    accepted = {**TOLERANCES, **(tolerances or {})}
    laws = {
        "distance": ("A", DistanceLaw(library)),
        "volume": ("log", VolumeLaw(library, atomic_volume, volume_band)),
        "charge": ("e", ChargeLaw(library)),
    }
    if unknown := sorted(set(accepted) - set(laws)):
        raise InputError(f"no crystal law called {unknown[0]!r}", fix=f"known: {', '.join(laws)}")
    return tuple(Penalty(name, unit, accepted[name], law) for name, (unit, law) in laws.items())


def projections(library: nn.Module) -> tuple[Projection, ...]:
    """Charges first, because an exchange changes the radii that the distances depend on. In
    training, where gradients must pass, crystals are expanded only."""
    return (
        Projection("neutral exchange", "charge", ChargeProjection(library), differentiable=False),
        Projection("separation", "distance", SeparationProjection(library), differentiable=False),
        Projection("expansion", "distance", DistanceProjection(library)),
    )
