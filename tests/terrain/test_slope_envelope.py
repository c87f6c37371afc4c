"""The projection: the limit holds on any surface, and nothing moves more than it must."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.optimize import linprog

from physgan.errors import InputError
from physgan_terrain.slope.envelope import WORST, envelopes, project
from physgan_terrain.slope.operators import OPERATORS, largest_slope, zevenbergen_thorne
from physgan_terrain.slope.steps import edge_steps, rounding

SURFACES = arrays(
    np.float32,
    array_shapes(min_dims=2, max_dims=2, min_side=3, max_side=14),
    elements=st.floats(-11000, 9000, width=32),
)
"""Hypothesis fills arrays with one value and sets others in it: plateaus, steps and spikes."""


def pairs(shape):
    """Index pairs of neighbours, and whether they meet at a corner."""
    at = np.arange(shape[0] * shape[1]).reshape(shape)
    sides = [(at[:, :-1], at[:, 1:]), (at[:-1], at[1:])]
    corners = [(at[:-1, :-1], at[1:, 1:]), (at[:-1, 1:], at[1:, :-1])]
    found = [(a.ravel(), b.ravel(), corner) for corner, group in ((0, sides), (1, corners))
             for a, b in group]  # fmt: skip
    corner = np.concatenate([np.full(len(a), c) for a, _, c in found])
    first, second = (np.concatenate([pair[i] for pair in found]) for i in (0, 1))
    return first, second, corner.astype(bool)


def constraints(shape, axis, diagonal, extra=0):
    first, second, corner = pairs(shape)
    rows = np.arange(len(first))
    matrix = np.zeros((len(first), shape[0] * shape[1] + extra))
    matrix[rows, first], matrix[rows, second] = 1, -1
    bound = np.where(corner, diagonal, axis)
    return np.vstack((matrix, -matrix)), np.concatenate((bound, bound))


@settings(deadline=None, max_examples=200)
@given(
    SURFACES,
    st.sampled_from([1.0, 10.0, 30.0, 90.0]),
    st.floats(3, 89),
    st.sampled_from([np.float32, np.float64]),
)
def test_no_slope_is_over_the_limit(z, cell, limit, dtype):
    z = z.astype(dtype)
    limited = project(z, cell, limit)
    assert limited.dtype == dtype
    for operator in OPERATORS.values():
        assert operator(limited, cell).max() <= limit
    axis, diagonal = edge_steps(cell, limit, dtype)
    first, second, corner = pairs(z.shape)
    flat = limited.astype(np.float64).ravel()
    steps = np.where(corner, diagonal, axis) + rounding(dtype) + 1e-6
    assert (np.abs(flat[first] - flat[second]) <= steps).all()
    assert z.min() <= limited.min() and limited.max() <= z.max()
    assert np.abs(project(limited, cell, limit) - limited).max() <= 2 * rounding(dtype) + 1e-6


@settings(deadline=None, max_examples=100)
@given(SURFACES, st.floats(3, 80))
def test_the_two_passes_find_the_metric_envelopes(z, limit):
    axis, diagonal = (float(s) for s in edge_steps(30.0, limit))
    at = np.stack(np.unravel_index(np.arange(z.size), z.shape))
    apart = np.abs(at[:, :, None] - at[:, None])
    long, short = apart.max(0), apart.min(0)
    metric = axis * (long - short) + diagonal * short
    flat = z.astype(np.float64).ravel()
    lower, upper = envelopes(z, axis, diagonal)
    np.testing.assert_allclose(lower.ravel(), (flat + metric).min(1), rtol=0, atol=1e-7)
    np.testing.assert_allclose(upper.ravel(), (flat - metric).max(1), rtol=0, atol=1e-7)


@settings(deadline=None, max_examples=25)
@given(arrays(np.float64, (4, 5), elements=st.integers(-300, 300).map(float)), st.floats(5, 60))
def test_no_surface_within_the_limit_is_nearer_in_its_worst_cell(z, limit):
    axis, diagonal = edge_steps(30.0, limit, np.float64)
    matrix, bound = constraints(z.shape, axis, diagonal, extra=1)
    near = np.hstack((np.eye(z.size), -np.ones((z.size, 1))))
    under = np.hstack((-np.eye(z.size), -np.ones((z.size, 1))))
    best = linprog(
        np.eye(z.size + 1)[-1],
        A_ub=np.vstack((matrix, near, under)),
        b_ub=np.concatenate((bound, z.ravel(), -z.ravel())),
        bounds=[(None, None)] * (z.size + 1),
    )
    assert np.abs(project(z, 30.0, limit) - z).max() == pytest.approx(best.fun, abs=1e-6)


@pytest.mark.parametrize("operator", ["horn", "zevenbergen-thorne"])
def test_the_constant_is_the_value_of_the_linear_program(operator):
    # the operators are linear but for the length of the gradient: maximise it in each direction
    p, q = np.zeros((3, 3)), np.zeros((3, 3))
    if operator == "horn":
        p[:, 0], p[:, 2] = [-1 / 8, -2 / 8, -1 / 8], [1 / 8, 2 / 8, 1 / 8]
    else:
        p[1, 0], p[1, 2] = -1 / 2, 1 / 2
    q[:] = p.T
    matrix, bound = constraints((3, 3), 1.0, math.sqrt(2))
    worst = []
    for bearing in np.radians(np.arange(0, 180, 7.5)):
        aim = np.cos(bearing) * p.ravel() + np.sin(bearing) * q.ravel()
        best = linprog(-aim, A_ub=matrix, b_ub=bound, bounds=[(None, None)] * 9)
        worst.append(-best.fun)
    assert max(worst) == pytest.approx(WORST, rel=1e-9)
    assert pytest.approx(1.0823922) == WORST


@pytest.mark.parametrize("limit", [15.0, 35.0, 45.0])
def test_the_worst_plane_at_the_limit_passes(limit):
    rows, columns = np.mgrid[:20, :20] * 30.0
    along = columns * math.cos(math.pi / 8) + rows * math.sin(math.pi / 8)
    plane = along * math.tan(math.radians(limit))
    np.testing.assert_allclose(project(plane, 30.0, limit), plane, rtol=0, atol=1e-3)


@pytest.mark.parametrize("limit", [15.0, 35.0, 45.0])
def test_a_steep_ramp_is_laid_down_to_the_step(limit):
    columns = np.mgrid[:20, :20][1] * 300.0
    laid = project(columns, 30.0, limit)
    expected = math.degrees(math.atan(math.tan(math.radians(limit)) / WORST))
    np.testing.assert_allclose(zevenbergen_thorne(laid, 30.0), expected, rtol=1e-6)
    np.testing.assert_allclose(laid.mean(), columns.mean(), rtol=1e-9)


def test_a_spike_is_halved_into_a_cone():
    z = np.zeros((21, 21))
    z[10, 10] = 200.0
    axis, _ = edge_steps(30.0, 35.0, np.float64)
    limited = project(z, 30.0, 35.0)
    # the lower envelope cuts the spike to one step, the upper one keeps it and builds a cone
    assert limited[10, 10] == pytest.approx((200 + axis) / 2)
    assert limited[10, 12] == pytest.approx((200 - 2 * axis) / 2)
    assert limited[0, 0] == 0.0


def test_gentle_terrain_and_no_limit_change_nothing():
    z = np.random.default_rng(0).uniform(0, 5, (30, 30)).astype(np.float32)
    assert np.array_equal(project(z, 90.0, 35.0), z)
    rough = z * 1000
    for free in (math.inf, math.nan):
        assert np.array_equal(project(rough, 90.0, free), rough)


def test_a_lower_bound_on_heights_leaves_less_to_rounding():
    z = np.random.default_rng(0).normal(size=(40, 40)).astype(np.float32) * 100
    near = largest_slope(project(z, 1.0, 20.0, tallest=512.0), 1.0)
    far = largest_slope(project(z, 1.0, 20.0), 1.0)
    assert far < near <= 20.0
    assert near > 19.998


def test_wrong_input_is_refused():
    z = np.zeros((5, 5), dtype=np.float32)
    for limit in (0.0, -3.0, 91.0):
        with pytest.raises(InputError, match="0 to 90"):
            project(z, 30.0, limit)
    with pytest.raises(InputError, match="cannot keep"):
        project(z, 0.01, 5.0)
    with pytest.raises(InputError, match="cell size"):
        project(z, -1.0, 35.0)
    with pytest.raises(InputError, match="beyond"):
        project(z + 20000, 30.0, 35.0)
    with pytest.raises(InputError, match="not finite"):
        project(np.full((3, 3), np.nan), 30.0, 35.0)
    with pytest.raises(InputError, match="rows and columns"):
        project(z[0], 30.0, 35.0)
