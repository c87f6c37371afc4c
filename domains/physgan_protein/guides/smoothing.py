"""Labels smoothed over a graph of neighbouring sequences, with its control beside it.

Kirjner et al. (ICLR 2024, "GGS") solve (I + gamma L) y = y0 on the k nearest neighbours by edit
distance. A normalised Laplacian leaves sqrt(degree) unchanged, not a constant, so labels that are
not centred are tilted to sequences with many neighbours: a prior on density. ``degree_labels``
are that prior alone, with no label in it; what they reach, smoothing has not learned from labels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import cg

from physgan.errors import InputError, RunError


def neighbour_graph(tokens: NDArray[np.int64], k: int = 100, block: int = 512) -> sparse.csr_array:
    """Symmetric weights ``(n, n)``: 1 / distance to the ``k`` nearest by Hamming distance.

    Ties at the k-th distance go to the first rows. Raises InputError for fewer than k + 1
    sequences and for repeats, whose weight would be infinite.
    """
    n = len(tokens)
    if not 0 < k < n:
        raise InputError(f"{k} neighbours among {n} sequences", fix="a number from 1 to n - 1")
    if len(np.unique(tokens, axis=0)) < n:
        raise InputError("the graph holds a sequence twice", fix="give each sequence once")
    words = int(tokens.max()) + 1
    flat = np.eye(words, dtype=np.float32)[tokens].reshape(n, -1)
    rows, columns, weights = [], [], []
    for first in range(0, n, block):
        part = slice(first, min(first + block, n))
        distance = tokens.shape[1] - flat[part] @ flat.T
        distance[np.arange(len(distance)), np.arange(part.start, part.stop)] = np.inf
        near = np.argsort(distance, axis=1, kind="stable")[:, :k]
        rows.append(np.repeat(np.arange(part.start, part.stop), k))
        columns.append(near.ravel())
        weights.append(1.0 / np.take_along_axis(distance, near, axis=1).ravel())
    data = np.concatenate(weights).astype(np.float64)
    graph = sparse.csr_array((data, (np.concatenate(rows), np.concatenate(columns))), shape=(n, n))
    return sparse.csr_array(graph.maximum(graph.T))


def smoothed_labels(
    graph: sparse.csr_array,
    labels: NDArray[np.float64],
    gamma: float = 1.0,
    *,
    normalised: bool = False,
    centred: bool = True,
) -> NDArray[np.float64]:
    """The solution y ``(n,)`` of (I + gamma L) y = ``labels``, by conjugate gradients.

    L = D - W, or I - D^-1/2 W D^-1/2 where ``normalised``. ``centred`` smooths what differs from
    the mean and adds the mean again, so that nothing is tilted by degree alone; normalised and
    not centred is GGS. Raises RunError where the iteration does not converge.
    """
    mean = float(labels.mean()) if centred else 0.0
    solved, failed = cg(
        sparse.eye_array(len(labels)) + gamma * laplacian(graph, normalised),
        labels - mean, rtol=1e-8, maxiter=2000,
    )  # fmt: skip
    if failed:
        raise RunError(f"smoothing labels over {len(labels)} sequences did not converge")
    return solved + mean


def laplacian(graph: sparse.csr_array, normalised: bool = False) -> sparse.csr_array:
    """D - W, or I - D^-1/2 W D^-1/2, of weights W ``(n, n)``."""
    degree = graph.sum(axis=1)
    if not normalised:
        return sparse.csr_array(sparse.diags_array(degree) - graph)
    root = sparse.diags_array(1.0 / np.sqrt(np.maximum(degree, 1e-300)))
    return sparse.csr_array(sparse.eye_array(len(degree)) - root @ graph @ root)


def degree_labels(graph: sparse.csr_array, labels: NDArray[np.float64]) -> NDArray[np.float64]:
    """The control: values of ``labels`` in the order of the degree, no label told to its own."""
    order = np.argsort(np.argsort(graph.sum(axis=1), kind="stable"), kind="stable")
    return np.sort(labels)[order]


def graph_nodes(
    tokens: NDArray[np.int64], n: int, words: int, *, seed: int = 0, fixed: Sequence[int] = ()
) -> NDArray[np.int64]:
    """``tokens`` and random single mutants of them, of mutants too, until ``n`` different rows."""
    rng = np.random.default_rng(seed)
    free = np.setdiff1d(np.arange(tokens.shape[1]), np.asarray(fixed, dtype=int) - 1)
    nodes = np.unique(tokens, axis=0)
    for _ in range(100):
        if len(nodes) >= n:
            break
        more = nodes[rng.integers(0, len(nodes), n - len(nodes))]
        more[np.arange(len(more)), rng.choice(free, len(more))] = rng.integers(0, words, len(more))
        joined = np.concatenate([nodes, more])
        _, first = np.unique(joined, axis=0, return_index=True)
        nodes = joined[np.sort(first)]
    return nodes[: max(n, len(tokens))]
