"""Critic regularisers by name. A new one is one file here and one line in ``REGULARIZERS``."""

from __future__ import annotations

from typing import Any

from physgan.registry import build_from
from physgan.regularizers.base import CriticFn, Regularizer
from physgan.regularizers.gradient_penalty import GradientPenalty, OneSidedGradientPenalty
from physgan.regularizers.lazy import Lazy, lazy_adam
from physgan.regularizers.spectral import apply_spectral_norm
from physgan.regularizers.zero_centred import R1, R1R2, R2

REGULARIZERS: dict[str, type[Regularizer]] = {
    "gp": GradientPenalty,
    "one-sided-gp": OneSidedGradientPenalty,
    "r1": R1,
    "r2": R2,
    "r1r2": R1R2,
}


def build(name: str, **constants: Any) -> Regularizer:
    """The regulariser called ``name`` with ``constants``.

    Raises InputError that lists the known names, or the known constants of that regulariser.
    """
    return build_from(REGULARIZERS, "regularizer", name, **constants)


__all__ = [
    "REGULARIZERS",
    "CriticFn",
    "Lazy",
    "Regularizer",
    "apply_spectral_norm",
    "build",
    "lazy_adam",
]
