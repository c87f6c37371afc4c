"""Critic regularisers by name. A new one is one file here and one line in ``REGULARIZERS``."""

from __future__ import annotations

from typing import Any

from physgan.registry import build_from
from physgan.regularizers.approximate_r1 import ApproximateR1
from physgan.regularizers.augmentation import Augmentation, DomainAugmentation
from physgan.regularizers.base import CriticFn, Regularizer
from physgan.regularizers.consistency import Consistency
from physgan.regularizers.diff_augment import DiffAugment
from physgan.regularizers.dragan import DRAGAN
from physgan.regularizers.gradient_penalty import GradientPenalty, OneSidedGradientPenalty
from physgan.regularizers.lazy import Lazy
from physgan.regularizers.none import NoRegularizer
from physgan.regularizers.spectral import apply_spectral_norm
from physgan.regularizers.zero_centred import R1, R1R2, R2

REGULARIZERS: dict[str, type[Regularizer]] = {
    "gp": GradientPenalty,
    "one-sided-gp": OneSidedGradientPenalty,
    "r1": R1,
    "r2": R2,
    "r1r2": R1R2,
    "approximate-r1": ApproximateR1,
    "dragan": DRAGAN,
    "consistency": Consistency,
    "none": NoRegularizer,
}

AUGMENTATIONS: dict[str, type[Augmentation]] = {
    "diffaugment": DiffAugment,
    "domain": DomainAugmentation,
}
"""What the critic may see instead of x; adaptive ones are ADA."""


def build(name: str, **constants: Any) -> Regularizer:
    """The regulariser called ``name`` with ``constants``.

    Raises InputError that lists the known names, or the known constants of that regulariser.
    """
    return build_from(REGULARIZERS, "regularizer", name, **constants)


def build_augmentation(name: str, **constants: Any) -> Augmentation:
    """The augmentation called ``name`` with ``constants``; InputError as for ``build``."""
    return build_from(AUGMENTATIONS, "augmentation", name, **constants)


__all__ = [
    "AUGMENTATIONS",
    "REGULARIZERS",
    "Augmentation",
    "CriticFn",
    "Lazy",
    "Regularizer",
    "apply_spectral_norm",
    "build",
    "build_augmentation",
]
