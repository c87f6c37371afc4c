"""Laws as constraints: the user states tolerances, the augmented Lagrangian finds the weights."""

from physgan.constraints.multipliers import Multipliers

__all__ = ["Multipliers"]
