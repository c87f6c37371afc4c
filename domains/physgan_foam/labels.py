"""Label fields of foams: names, areas, side numbers, whole bubbles, on a torus."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from physgan.errors import InputError

Labels = NDArray[np.int32]


def compact(labels: NDArray[np.integer]) -> tuple[Labels, NDArray[np.integer]]:
    """``labels (..., H, W)`` renamed 0 to n - 1 in the order of their names, and the names."""
    names, place = np.unique(labels, return_inverse=True)
    return place.reshape(labels.shape).astype(np.int32), names


def areas(labels: Labels, bubbles: int | None = None) -> NDArray[np.float64]:
    """Pixels of each label of ``(H, W)``."""
    return np.bincount(labels.ravel(), minlength=bubbles or 0).astype(float)


def sides(labels: Labels, bubbles: int | None = None) -> NDArray[np.int32]:
    """Side numbers ``(n,)``: labels that share a pixel edge; 0 for a label without pixels.

    From pixels these are wrong for about one bubble in a hundred at 65 pixels a bubble: a film
    shorter than a pixel may be there or not.
    """
    from physgan_foam.kernels import touching

    number = bubbles or int(labels.max()) + 1
    out = np.zeros(number, np.int32)
    pixels, size = np.ascontiguousarray(labels, np.int32), 1 << (16 * number).bit_length()
    while not touching(pixels, number, out, size):
        size *= 2
    return out


def components(labels: Labels) -> int:
    """Connected pieces of ``labels (H, W)`` across pixel edges on a torus; as many as bubbles
    where none is torn."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    index = np.arange(labels.size).reshape(labels.shape)
    pairs = []
    for axis in (0, 1):
        same = labels == np.roll(labels, -1, axis)
        pairs.append(np.stack([index[same], np.roll(index, -1, axis)[same]]))
    rows, columns = np.concatenate(pairs, 1)
    graph = coo_matrix((np.ones(len(rows), bool), (rows, columns)), (labels.size,) * 2)
    return int(connected_components(graph, directed=False)[0])


def check(labels: NDArray[np.integer], where: str = "") -> Labels:
    """``labels (H, W)`` as int32 from 0 on. Raises InputError for what is no foam."""
    if labels.ndim != 2 or not np.issubdtype(labels.dtype, np.integer):
        raise InputError(
            f"labels are {labels.dtype} of shape {labels.shape}", where=where,
            fix="integers (H, W), one number per bubble",
        )  # fmt: skip
    if labels.min() < 0:
        raise InputError("labels are negative", where=where)
    if min(labels.shape) < 32 or labels.shape[0] % 2 or labels.shape[1] % 2:
        raise InputError(
            f"a field of {labels.shape[0]} x {labels.shape[1]} pixels", where=where,
            fix="even sides of 32 or more",
        )  # fmt: skip
    small, names = compact(labels)
    if len(names) < 2:
        raise InputError("there is one label only", where=where, fix="a foam has two or more")
    return small
