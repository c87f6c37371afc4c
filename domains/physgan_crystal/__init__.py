"""Crystals: periodic structures with target properties, symmetric by construction."""

from physgan_crystal.domain import CrystalDomain

__all__ = ["CrystalDomain"]
