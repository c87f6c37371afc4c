"""Integer bases of the affine subspaces that symmetry leaves free."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
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
    for rest in combinations(_directions()[:_SHORT], 3 - rank):
        columns = [*basis, *rest]
        if len(columns) == 3 and round(np.linalg.det(np.array(columns))) in (1, -1):
            matrix = np.array(columns).T
            inverse = np.rint(np.linalg.inv(matrix))
            key = (sum(int(v @ v) for v in basis), *(-int(e) for v in basis for e in v))
            return Frame(
                matrix[:, :rank].astype(float),
                matrix[:, rank:].astype(float),
                inverse[:rank],
                inverse[rank:],
                key,
            )
    raise ArithmeticError("no integer basis for a fixed subspace")


_SHORT = 13


@lru_cache(maxsize=1)
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
