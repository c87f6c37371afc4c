"""Terrain without learning, as plain functions: what a trained generator has to beat."""
