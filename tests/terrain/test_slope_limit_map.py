"""The limit as a map: exact, and kept at each cell."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from physgan.errors import InputError
from physgan_terrain.slope.envelope import project
from physgan_terrain.slope.limit_map import edge_limits, map_envelopes, map_steps, project_to_map
from physgan_terrain.slope.operators import OPERATORS

SHAPES = st.tuples(st.integers(3, 9), st.integers(3, 9))


def brute_force(z, step):
    """Lower envelope by all shortest paths, over the edges listed one by one."""
    rows, columns = z.shape
    ahead = ((0, 1), (1, 0), (1, 1), (1, -1))
    edges = [
        (i * columns + j, (i + di) * columns + j + dj, step[kind, i, j])
        for kind, (di, dj) in enumerate(ahead)
        for i in range(rows)
        for j in range(columns)
        if i + di < rows and 0 <= j + dj < columns and np.isfinite(step[kind, i, j])
    ]
    first, second, length = (np.array(part) for part in zip(*edges, strict=True))
    graph = csr_array((length, (first.astype(int), second.astype(int))), shape=(z.size, z.size))
    return (dijkstra(graph, directed=False) + z.ravel()).min(1).reshape(z.shape)


@settings(deadline=None, max_examples=100)
@given(st.data(), SHAPES, st.sampled_from([10.0, 90.0]))
def test_the_limit_of_each_cell_is_kept(data, shape, cell):
    z = data.draw(arrays(np.float32, shape, elements=st.floats(-9000, 9000, width=32)))
    limit = data.draw(arrays(np.float64, shape, elements=st.floats(5, 80) | st.just(math.inf)))
    limited = project_to_map(z, cell, limit)
    for operator in OPERATORS.values():
        assert (operator(limited, cell) <= limit[1:-1, 1:-1]).all()


@settings(deadline=None, max_examples=60)
@given(st.data(), SHAPES)
def test_the_envelopes_are_those_of_all_shortest_paths(data, shape):
    z = data.draw(arrays(np.float64, shape, elements=st.integers(-900, 900).map(float)))
    limit = data.draw(arrays(np.float64, shape, elements=st.floats(5, 80)))
    step = map_steps(30.0, limit, np.float64)
    lower, upper = map_envelopes(z, step)
    np.testing.assert_allclose(lower, brute_force(z, step), rtol=0, atol=1e-8)
    np.testing.assert_allclose(-upper, brute_force(-z, step), rtol=0, atol=1e-8)


def test_a_winding_pass_between_cliffs_is_followed_to_its_end():
    # steps of 1 m inside a serpentine, 1 km across its walls
    rows, columns = 21, 15
    step = np.full((4, rows, columns), 1000.0)
    step[0, ::2] = 1.0
    for turn, row in enumerate(range(0, rows - 2, 2)):
        step[1, row : row + 2, -1 if turn % 2 == 0 else 0] = 1.0
    z = np.full((rows, columns), 900.0)
    z[0, 0] = 0.0
    lower, _ = map_envelopes(z, step)
    np.testing.assert_allclose(lower, brute_force(z, step))
    assert lower[-1, -1] == 11 * 14 + 20


def test_an_edge_obeys_every_cell_that_measures_it():
    limit = np.full((5, 6), 50.0)
    limit[2, 3] = 20.0
    edges = edge_limits(limit)
    assert (edges[0, 1:4, 2:4] == 20).all() and (edges[0] == 20).sum() == 6
    assert (edges[1, 1:3, 2:5] == 20).all() and (edges[1] == 20).sum() == 6
    assert (edges[2, 1:3, 2:4] == 20).all() and (edges[2] == 20).sum() == 4
    assert (edges[3, 1:3, 3:5] == 20).all() and (edges[3] == 20).sum() == 4


def test_one_limit_everywhere_is_the_plain_projection():
    z = np.random.default_rng(0).normal(size=(40, 31)).astype(np.float32) * 100
    assert np.array_equal(project_to_map(z, 30.0, np.full(z.shape, 30.0)), project(z, 30.0, 30.0))
    assert np.array_equal(project_to_map(z, 30.0, np.full(z.shape, math.inf)), z)


def test_wrong_maps_are_refused():
    z = np.zeros((5, 5))
    with pytest.raises(InputError, match="holes"):
        project_to_map(z, 30.0, np.full((5, 5), math.nan))
    with pytest.raises(InputError, match="map of limits"):
        project_to_map(z, 30.0, np.full((5, 4), 30.0))
    with pytest.raises(InputError, match="0 to 90"):
        project_to_map(z, 30.0, np.zeros((5, 5)))
