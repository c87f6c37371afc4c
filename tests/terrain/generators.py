"""A small generator of terrain whose weights do something."""

import torch

from physgan_terrain.networks.generator import TerrainGenerator


def small_generator(last: float) -> TerrainGenerator:
    """Six levels of width 4 on a base of 400 and ``last`` metres."""
    torch.manual_seed(0)
    octaves = torch.linspace(1, 5, 6).expand(2, 6)
    made = TerrainGenerator(3, octaves, torch.tensor([400.0, last]), slice(0, 2), widths=(4,) * 6)
    for level in made.levels:
        torch.nn.init.normal_(level.height.weight, std=0.5)
    return made
