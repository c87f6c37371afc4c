"""What the critic sees of a tile."""

import math

import torch
from tensordict import TensorDict

from physgan_terrain.networks.critic import (
    FIGURES,
    TerrainCritic,
    hypsometry,
    moments,
    octaves,
    pits,
    views,
)


def rough(count=3):
    generator = torch.Generator().manual_seed(0)
    return 200 * torch.rand(count, 1, 64, 64, generator=generator)


def test_shape_is_seen_apart_from_scale():
    height = rough()
    planes, figures = views(height)
    more, scaled = views(10 * height + 500)
    assert figures.shape == (3, FIGURES)
    assert torch.allclose(planes, more, atol=1e-3)
    # Half a logarithm of ten for the three deviations and the five octaves, nothing elsewhere.
    change = scaled - figures
    assert torch.allclose(change[:, :8], torch.full((3, 8), math.log(10) / 2), atol=1e-3)
    assert torch.allclose(change[:, 8:], torch.zeros(3, FIGURES - 8), atol=1e-2)


def test_a_plane_has_half_its_height_and_no_pits():
    ramp = torch.arange(64.0).repeat(64, 1)[None, None]
    assert torch.allclose(hypsometry(ramp), torch.zeros(1, 1), atol=0.02)
    bowl = (torch.arange(64.0) - 32).square()
    bowl = (bowl[:, None] + bowl[None])[None, None]
    # The bowl has its lowest cell on the grid, and none lies lower in the means of 2 or 4.
    assert (pits(ramp) < pits(bowl))[0, 0]


def test_moments_of_known_distributions():
    normal = torch.randn(1, 1, 512, 512, generator=torch.Generator().manual_seed(0))
    skew, kurtosis = moments(normal)
    assert abs(float(skew)) < 0.02
    assert abs(float(kurtosis) - (torch.tensor(3.05).log() - 1)) < 0.02
    assert float(moments(normal.exp())[0]) > 1


def test_white_noise_loses_three_quarters_of_its_variance_an_octave():
    noise = torch.randn(1, 1, 512, 512, generator=torch.Generator().manual_seed(0))
    found = (4 * octaves(noise)).exp()[0]
    ratio = found[1:3] / found[:2]
    assert torch.allclose(ratio, torch.full((2,), 0.25), atol=0.03)


def test_penalties_are_taken_in_the_critics_units():
    critic = TerrainCritic(3).eval()
    x = TensorDict({"height": rough()}, [3])
    condition, given = torch.randn(3, 3), TensorDict({}, [3])
    seen = critic.prepare(x)
    assert set(seen.keys()) == {"planes", "figures"}
    assert torch.equal(critic(x, condition, given).score, critic(seen, condition, given).score)
