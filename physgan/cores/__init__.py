"""Cores by name; a run's config names one."""

from physgan.cores.augmented_cycle_gan import AugmentedCycleGAN
from physgan.cores.base import Core, Loss, Turn, resting
from physgan.cores.bigan import BiGAN
from physgan.cores.cycle_gan import CycleGAN
from physgan.cores.physics_gan import PhysicsGAN
from physgan.cores.professor_forcing import ProfessorForcing
from physgan.cores.vae_gan import VAEGAN

CORES: dict[str, type[Core]] = {
    "vae-gan": VAEGAN,
    "physics-gan": PhysicsGAN,
    "bigan": BiGAN,
    "cycle-gan": CycleGAN,
    "augmented-cycle-gan": AugmentedCycleGAN,
}

__all__ = [
    "CORES", "VAEGAN", "AugmentedCycleGAN", "BiGAN", "Core", "CycleGAN", "Loss", "PhysicsGAN",
    "ProfessorForcing", "Turn", "resting",
]  # fmt: skip
