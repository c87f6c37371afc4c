"""Cores by name; a run's config names one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from physgan.cores.augmented_cycle_gan import AugmentedCycleGAN
from physgan.cores.base import Core, Loss, Turn, resting
from physgan.cores.bigan import BiGAN
from physgan.cores.cycle_gan import CycleGAN
from physgan.cores.physics_gan import PhysicsGAN
from physgan.cores.professor_forcing import ProfessorForcing
from physgan.cores.reading import played, refuse_idle
from physgan.cores.stepper_gan import StepperGAN
from physgan.cores.vae_gan import VAEGAN
from physgan.training.options import unknown_key

if TYPE_CHECKING:
    from physgan.conditions import ConditionSchema
    from physgan.domain import Domain

CORES: dict[str, type[Core]] = {
    "vae-gan": VAEGAN,
    "physics-gan": PhysicsGAN,
    "bigan": BiGAN,
    "cycle-gan": CycleGAN,
    "augmented-cycle-gan": AugmentedCycleGAN,
    "stepper-gan": StepperGAN,
}


def build(name: str, domain: Domain, schema: ConditionSchema, **options: Any) -> Core:
    """The core called ``name``; InputError, with the nearest name, where there is none."""
    return _known(name)(domain, schema, **options)  # type: ignore[call-arg]


def check(name: str, options: Mapping[str, Any]) -> None:
    """Raise InputError for ``options`` of the core called ``name`` that no data could make right:
    of another type, out of range, unknown names, and what is named although it plays nothing."""
    core = _known(name)
    if core.kind is not None:
        refuse_idle(core.kind, core.title, options)


def fitting(name: str, advice: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """``advice`` for the core called ``name`` without what plays nothing beside ``told``."""
    core = _known(name)
    return dict(advice) if core.kind is None else played(core.kind, core.title, advice, told)


def _known(name: str) -> type[Core]:
    if name not in CORES:
        raise unknown_key(name, CORES, "core")
    return CORES[name]


__all__ = [
    "CORES", "VAEGAN", "AugmentedCycleGAN", "BiGAN", "Core", "CycleGAN", "Loss", "PhysicsGAN",
    "ProfessorForcing", "StepperGAN", "Turn", "build", "resting",
]  # fmt: skip
