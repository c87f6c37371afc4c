"""Slope operators against closed forms."""

import math

import numpy as np
import pytest
import torch

from physgan.errors import InputError
from physgan_terrain.slope.operators import (
    OPERATORS,
    horn,
    horn_batch,
    largest_slope,
    row_blocks,
    slope,
    steepest,
    zevenbergen_thorne,
)


def plane(degrees, bearing, cell, shape=(7, 9)):
    rows, columns = np.mgrid[: shape[0], : shape[1]] * cell
    rise = math.tan(math.radians(degrees))
    return rise * (np.cos(np.radians(bearing)) * columns + np.sin(np.radians(bearing)) * rows)


@pytest.mark.parametrize("bearing", [0, 22.5, 45, 100, 260])
@pytest.mark.parametrize("degrees", [1.0, 35.0, 80.0])
def test_a_plane_has_its_own_slope(degrees, bearing):
    z = plane(degrees, bearing, 30.0)
    for operator in (horn, zevenbergen_thorne):
        assert operator(z, 30.0).shape == (5, 7)
        np.testing.assert_allclose(operator(z, 30.0), degrees, rtol=1e-9)


def test_the_steepest_line_of_a_plane_is_along_the_nearest_of_eight_directions():
    np.testing.assert_allclose(steepest(plane(35, 45, 90.0), 90.0), 35.0)
    octant = math.degrees(math.atan(math.tan(math.radians(35)) * math.cos(math.pi / 8)))
    np.testing.assert_allclose(steepest(plane(35, 22.5, 90.0), 90.0), octant)


def test_operators_weigh_a_spike_each_in_its_way():
    z = np.zeros((5, 5))
    z[1, 2] = 80.0
    at = (1, 1)
    assert horn(z, 10.0)[at] == pytest.approx(math.degrees(math.atan(2 * 80 / 80)))
    assert zevenbergen_thorne(z, 10.0)[at] == pytest.approx(math.degrees(math.atan(4)))
    assert steepest(z, 10.0)[at] == pytest.approx(math.degrees(math.atan(8)))
    assert horn(z, 10.0)[0, 1] == 0.0


def test_largest_slope_streams_what_the_operators_give(monkeypatch):
    z = np.random.default_rng(0).normal(size=(70, 33)).astype(np.float32) * 50
    blocks = list(row_blocks((70, 33), cells=330))
    assert len(blocks) > 5
    assert sum(b.stop - b.start - 2 for b in blocks) == 68
    monkeypatch.setattr("physgan_terrain.slope.operators.row_blocks", lambda shape: blocks)
    for name, operator in OPERATORS.items():
        np.testing.assert_array_equal(operator(z, 30.0), slope(z, 30.0, name))
        assert largest_slope(z, 30.0, name) == pytest.approx(operator(z, 30.0).max(), rel=1e-12)


def test_a_hole_is_not_passed_over():
    z = np.zeros((6, 6), dtype=np.float32)
    z[3, 3] = np.nan
    assert math.isnan(largest_slope(z, 30.0))


def test_wrong_input_is_refused():
    z = np.zeros((5, 5))
    with pytest.raises(InputError, match="florinsky"):
        slope(z, 30.0, "florinsky")
    with pytest.raises(InputError, match="3 x 3"):
        horn(np.zeros((2, 9)), 30.0)
    with pytest.raises(InputError, match="cell size"):
        horn(z, 0.0)
    with pytest.raises(InputError, match="3 x 3"):
        largest_slope(z[0], 30.0)


def test_the_batch_operator_agrees_and_has_finite_gradients():
    z = np.random.default_rng(1).normal(size=(3, 1, 8, 6)) * 40
    batch = torch.tensor(z, requires_grad=True)
    expected = np.stack([horn(tile[0], 30.0) for tile in z])[:, None]
    np.testing.assert_allclose(horn_batch(batch, 30.0).detach().numpy(), expected, rtol=1e-12)
    assert torch.autograd.gradcheck(lambda x: horn_batch(x, 30.0), batch)
    flat = torch.zeros(1, 1, 5, 5, requires_grad=True)
    (gradient,) = torch.autograd.grad(horn_batch(flat, 30.0).sum(), flat)
    assert torch.equal(gradient, torch.zeros_like(flat))
