"""The flood as a choice of cells: the same surface, and gradients that go to the outlets."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from physgan_terrain.slope.fill import fill
from physgan_terrain.slope.spill import filled


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(3, 24), st.integers(3, 24), st.sampled_from([0.0, 1.0]))
def test_it_is_the_priority_flood(seed, rows, columns, step):
    z = np.random.default_rng(seed).normal(0, 3, (2, rows, columns))
    z = np.round(z) if step else z
    found = filled(torch.from_numpy(z)[:, None])[:, 0].numpy()
    np.testing.assert_array_equal(found, np.stack([fill(tile) for tile in z]))


def test_gradients_agree_with_finite_differences():
    z = torch.randn(2, 1, 9, 9, dtype=torch.double, generator=torch.Generator().manual_seed(0))
    weight = torch.arange(81.0, dtype=torch.double).view(9, 9)
    total = lambda height: (filled(height) * weight).sum(dim=(1, 2, 3))  # noqa: E731
    assert torch.autograd.gradcheck(total, z.requires_grad_(), eps=1e-7)


def test_the_water_over_a_cell_stands_as_high_as_its_outlet():
    z = torch.zeros(1, 1, 5, 5)
    z[0, 0, 1:4, 1:4] = 5.0
    z[0, 0, 2, 2] = -1.0
    z[0, 0, 1, 2] = 2.0
    z.requires_grad_()
    level = filled(z)[0, 0, 2, 2]
    level.backward()
    assert level.item() == 2.0
    assert z.grad is not None and z.grad.nonzero().tolist() == [[0, 0, 1, 2]]
