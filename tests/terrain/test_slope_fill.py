"""Filling: no pit is left, nothing is raised more than it must, and the limit holds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from physgan.errors import InputError
from physgan_terrain.slope.envelope import project
from physgan_terrain.slope.fill import fill
from physgan_terrain.slope.integers import project_steps
from physgan_terrain.slope.limit_map import project_to_map
from physgan_terrain.slope.operators import OPERATORS
from physgan_terrain.slope.steps import edge_steps

SHAPES = array_shapes(min_dims=2, max_dims=2, min_side=3, max_side=12)
SURFACES = arrays(np.float32, SHAPES, elements=st.floats(-1000, 9000, width=32))


def by_relaxation(z, eps):
    """The definition, repeated until nothing changes, from above."""
    level = np.full(z.shape, np.inf)
    edge = np.ones(z.shape, dtype=bool)
    edge[1:-1, 1:-1] = False
    level[edge] = z[edge]
    while True:
        wide = np.pad(level, 1, constant_values=np.inf)
        around = [
            wide[1 + i : 1 + i + z.shape[0], 1 + j : 1 + j + z.shape[1]]
            for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j
        ]  # fmt: skip
        new = np.where(edge, z, np.maximum(z, np.min(around, axis=0) + eps))
        if np.array_equal(new, level):
            return level
        level = new


@settings(deadline=None, max_examples=100)
@given(
    arrays(np.float64, SHAPES, elements=st.integers(-50, 50).map(float)), st.sampled_from([0, 0.5])
)
def test_filling_is_the_least_surface_that_drains(z, eps):
    assert np.array_equal(fill(z, eps), by_relaxation(z, eps))


@settings(deadline=None, max_examples=150)
@given(SURFACES, st.floats(4, 85), st.sampled_from([10.0, 90.0]), st.floats(0, 1))
def test_filling_keeps_the_limit(z, limit, cell, share):
    limited = project(z, cell, limit)
    eps = share * float(edge_steps(cell, limit)[0])
    for fall in (0.0, eps):
        filled = fill(limited, fall)
        assert filled.dtype == np.float32
        assert (filled >= limited).all()
        for operator in OPERATORS.values():
            assert operator(filled, cell).max() <= limit


@settings(deadline=None, max_examples=50)
@given(SURFACES, st.data())
def test_filling_keeps_a_map_of_limits(z, data):
    limit = data.draw(arrays(np.float64, z.shape, elements=st.floats(5, 80)))
    filled = fill(project_to_map(z, 30.0, limit))
    for operator in OPERATORS.values():
        assert (operator(filled, 30.0) <= limit[1:-1, 1:-1]).all()


@settings(deadline=None, max_examples=60)
@given(arrays(np.uint16, SHAPES, elements=st.integers(0, 60000)), st.integers(1, 500))
def test_whole_heights_are_filled_in_whole_steps(n, axis):
    limited = project_steps(n, axis, axis + axis // 3).astype(np.uint16)
    filled = fill(limited, 1)
    assert filled.dtype == np.uint16
    wide = filled.astype(int)
    assert np.abs(np.diff(wide, axis=0)).max() <= axis
    assert np.abs(np.diff(wide, axis=1)).max() <= axis
    assert np.array_equal(filled, by_relaxation(limited.astype(float), 1))


@settings(deadline=None, max_examples=50)
@given(arrays(np.float32, (9, 15), elements=st.floats(0, 3000, width=32)), st.floats(5, 60))
def test_tiles_filled_apart_keep_the_limit_across_the_row_they_share(z, limit):
    limited = project(z, 30.0, limit)
    west, east = fill(limited[:, :8]), fill(limited[:, 7:])
    assert np.array_equal(west[:, -1], east[:, 0])
    joined = np.hstack((west, east[:, 1:]))
    for operator in OPERATORS.values():
        assert operator(joined, 30.0).max() <= limit


def test_every_cell_has_a_way_down_to_the_border():
    z = np.random.default_rng(0).normal(size=(40, 50)).astype(np.float32) * 30
    filled = fill(z, 0.01)
    inner = filled[1:-1, 1:-1]
    lowest = np.min([filled[i : i + 38, j : j + 48] for i in range(3) for j in range(3)], axis=0)
    assert (lowest < inner).all()


def test_a_fall_below_the_resolution_still_falls():
    z = np.full((9, 9), 8000, dtype=np.float32)
    filled = fill(z, 1e-9)
    assert filled[1, 1] > filled[0, 0] and filled[4, 4] > filled[2, 2]


def test_a_lake_fills_to_its_outlet():
    z = np.full((5, 5), 10.0)
    z[2, 2], z[0, 3] = 1.0, 4.0
    z[1, 2] = 6.0
    assert fill(z)[2, 2] == 6.0
    assert fill(z)[1, 2] == 6.0
    assert z[2, 2] == 1.0


def test_small_and_flat_grids_stay():
    for shape in ((1, 1), (1, 7), (2, 3), (6, 6)):
        assert np.array_equal(fill(np.ones(shape, dtype=np.float32)), np.ones(shape))


def test_wrong_input_is_refused():
    with pytest.raises(InputError, match="rows and columns"):
        fill(np.zeros(4))
    with pytest.raises(InputError, match="not finite"):
        fill(np.full((3, 3), np.nan))
    with pytest.raises(InputError, match="fall"):
        fill(np.zeros((3, 3)), -1.0)
    with pytest.raises(InputError, match="whole"):
        fill(np.zeros((3, 3), dtype=np.uint16), 0.5)
    with pytest.raises(InputError, match="do not fit"):
        fill(np.full((3, 3), 65535, dtype=np.uint16), 1)
