"""Slopes of heightmaps: measured, limited exactly, and certified."""
