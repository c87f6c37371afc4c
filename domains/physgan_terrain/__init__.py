"""Terrain: heightmaps of a landscape class, of any size, with no slope over a limit."""

from physgan_terrain.domain import TerrainDomain

__all__ = ["TerrainDomain"]
