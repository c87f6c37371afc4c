import numpy as np
import pytest

from physgan.errors import InputError
from physgan_protein.guides.smoothing import (
    degree_labels,
    graph_nodes,
    laplacian,
    neighbour_graph,
    smoothed_labels,
)

GRID = np.stack(np.meshgrid(*[np.arange(4)] * 4, indexing="ij"), -1).reshape(-1, 4)


def test_the_graph_joins_nearest_neighbours_by_inverse_distance():
    tokens = np.array([[0, 0, 0], [0, 0, 1], [0, 2, 1], [3, 3, 3]])
    graph = neighbour_graph(tokens, k=1).toarray()
    assert graph[0, 1] == graph[1, 0] == 1.0 and graph[1, 2] == graph[2, 1] == 1.0
    assert graph[3].max() == pytest.approx(1 / 3) and np.allclose(graph, graph.T)
    with pytest.raises(InputError, match="twice"):
        neighbour_graph(np.zeros((3, 3), dtype=int), k=1)
    with pytest.raises(InputError, match="neighbours"):
        neighbour_graph(tokens, k=4)


def test_smoothing_keeps_a_constant_and_the_mean_and_lessens_roughness():
    graph = neighbour_graph(GRID, k=12)
    assert np.allclose(smoothed_labels(graph, np.full(256, 2.5)), 2.5)
    noise = np.random.default_rng(0).normal(size=256)
    smooth = smoothed_labels(graph, noise)
    assert smooth.mean() == pytest.approx(noise.mean())
    rough = laplacian(graph)
    assert smooth @ (rough @ smooth) < 0.05 * noise @ (rough @ noise)


def test_eigenvectors_shrink_by_their_eigenvalue():
    graph = neighbour_graph(GRID[:40], k=5)
    values, vectors = np.linalg.eigh(laplacian(graph).toarray())
    got = smoothed_labels(graph, vectors[:, 7], gamma=0.3, centred=False)
    assert np.allclose(got, vectors[:, 7] / (1 + 0.3 * values[7]), atol=1e-6)


def test_the_normalised_form_leaves_the_root_of_the_degree_as_it_is():
    graph = neighbour_graph(GRID[:60], k=6)
    root = np.sqrt(graph.sum(axis=1))
    assert root.std() > 0.05
    kept = smoothed_labels(graph, root, gamma=50.0, normalised=True, centred=False)
    assert np.allclose(kept, root, atol=1e-5)


def test_the_control_has_the_labels_values_and_the_degrees_order():
    graph = neighbour_graph(GRID[:60], k=6)
    labels = np.random.default_rng(0).normal(size=60)
    control = degree_labels(graph, labels)
    assert np.allclose(np.sort(control), np.sort(labels))
    degree = graph.sum(axis=1)
    assert control[degree == degree.max()].max() == pytest.approx(labels.max())
    assert (np.diff(control[np.argsort(degree, kind="stable")]) >= 0).all()


def test_nodes_are_different_hold_the_rows_and_leave_fixed_positions():
    rows = GRID[:10]
    nodes = graph_nodes(rows, 60, words=4, fixed=(1,))
    assert len(nodes) == 60 == len(np.unique(nodes, axis=0))
    assert {tuple(r) for r in rows} <= {tuple(r) for r in nodes} and set(nodes[:, 0]) == {0}
