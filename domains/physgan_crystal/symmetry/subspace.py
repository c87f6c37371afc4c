"""Integer bases of the affine subspaces that symmetry leaves free."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import combinations, product

import numpy as np

GRID = 24
"""Fixed coordinates of Wyckoff positions in conventional cells are multiples of 1/24."""


@dataclass(frozen=True)
class Frame:
    """Coordinates in which a linear subspace is flat: ``x = basis @ u + cross @ c``.

    ``basis (3, f)`` spans the integer points of the subspace, so that every entry of u has
    period 1, and [basis | cross] is unimodular, so that c modulo 1 tells parallel subspaces
    apart. ``to_free (f, 3)`` and ``to_fixed (3 - f, 3)`` are the inverse.
    """

    basis: np.ndarray
    cross: np.ndarray
    to_free: np.ndarray
    to_fixed: np.ndarray
    key: tuple[int, ...]

    @property
    def free(self) -> int:
        return self.basis.shape[1]


def frame_of(projector: np.ndarray) -> Frame:
    """The frame of the image of ``projector (3, 3)``, a mean of crystallographic rotations.

    Raises ArithmeticError where no integer vector with entries up to 3 lies in the image.
    """
    scaled = np.rint(np.asarray(projector) * 48).astype(int)
    return _frame(tuple(scaled.ravel()))


@cache
def _frame(scaled: tuple[int, ...]) -> Frame:
    projector = np.array(scaled).reshape(3, 3) / 48
    rank = int(np.rint(np.trace(projector)))
    inside = [v for v in _directions() if np.allclose(projector @ v, v, atol=1e-6)]
    basis: list[np.ndarray] = []
    for vector in inside:
        if len(basis) < rank and np.linalg.matrix_rank(np.array([*basis, vector])) > len(basis):
            basis.append(vector)
    if len(basis) < rank:
        raise ArithmeticError("no integer basis for a fixed subspace")
    length = sum(int(v @ v) for v in basis)
    return frame_from_key((length, *(-int(entry) for v in basis for entry in v)))


@cache
def frame_from_key(key: tuple[int, ...]) -> Frame:
    """The frame with this ``key``: summed squared length, then the negated basis vectors."""
    basis = list(-np.array(key[1:], dtype=int).reshape(-1, 3))
    for rest in combinations(_directions()[:_SHORT], 3 - len(basis)):
        columns = np.array([*basis, *rest])
        if round(np.linalg.det(columns)) in (1, -1):
            inverse = np.rint(np.linalg.inv(columns.T))
            f = len(basis)
            matrix = columns.T.astype(float)
            return Frame(matrix[:, :f], matrix[:, f:], inverse[:f], inverse[f:], key)
    raise ArithmeticError("the basis of a fixed subspace has no unimodular completion")


_SHORT = 13


@cache
def _directions() -> list[np.ndarray]:
    """Integer vectors with entries up to 3, first entry positive, the shortest first.

    The shortest independent ones in a plane or a line are a basis of its integer points.
    """
    vectors = [
        np.array(v)
        for v in product(range(-3, 4), repeat=3)
        if any(v) and next(entry for entry in v if entry) > 0
    ]
    return sorted(vectors, key=lambda v: (int(v @ v), tuple(-v)))


def snap(value: np.ndarray, tolerance: float) -> np.ndarray:
    """``value`` moved to the nearest multiple of 1/24 where that is within ``tolerance``."""
    near = np.rint(value * GRID) / GRID
    return np.where(np.abs(near - value) <= tolerance, near, value)


def circular(difference: np.ndarray) -> np.ndarray:
    """The representative of ``difference`` modulo 1 in [-1/2, 1/2)."""
    return (difference + 0.5) % 1.0 - 0.5
