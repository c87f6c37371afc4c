"""Cores by name; a run's config names one."""

from physgan.cores.base import Core, Loss, Turn, resting
from physgan.cores.physics_gan import PhysicsGAN
from physgan.cores.vae_gan import VAEGAN

CORES: dict[str, type[Core]] = {"vae-gan": VAEGAN, "physics-gan": PhysicsGAN}

__all__ = ["CORES", "VAEGAN", "Core", "Loss", "PhysicsGAN", "Turn", "resting"]
