"""The laws of coarsening foams as residuals of a pass, and pressures that make one hold."""

from __future__ import annotations

from physgan_foam.laws.plateau import PlateauLaw
from physgan_foam.laws.pressure import Pressures
from physgan_foam.laws.von_neumann import VonNeumannLaw

__all__ = ["PlateauLaw", "Pressures", "VonNeumannLaw"]
