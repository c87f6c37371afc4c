"""The 230 space groups in their standard setting, from spglib's database."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache

import numpy as np

from physgan_crystal.symmetry.lattice import parameters_from_cells
from physgan_crystal.symmetry.subspace import Frame, circular, frame_of

_THIRD = 1 / 3
_PRIMITIVE = {
    "P": np.eye(3),
    "A": np.array([[1, 0, 0], [0, 0.5, -0.5], [0, 0.5, 0.5]]),
    "C": np.array([[0.5, 0.5, 0], [-0.5, 0.5, 0], [0, 0, 1]]),
    "I": np.array([[-0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.5, 0.5, -0.5]]),
    "F": np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]),
    "R": np.array(
        [[2 * _THIRD, _THIRD, _THIRD], [-_THIRD, _THIRD, _THIRD], [-_THIRD, -2 * _THIRD, _THIRD]]
    ),
}
"""Primitive lattice vectors in rows, in units of the conventional ones, by centring letter."""


@dataclass(frozen=True)
class Placement:
    """How an atom at a special position is written: the operations that bring it to the canonical
    direction, ``rotations (J, 3, 3)`` and ``translations (J, 3)``, and the frame there."""

    rotations: np.ndarray
    translations: np.ndarray
    frame: Frame


@dataclass(frozen=True)
class SpaceGroup:
    """Operations of a conventional cell ``x -> R x + t``, centring translations included."""

    number: int
    symbol: str
    rotations: np.ndarray
    translations: np.ndarray
    primitive: np.ndarray
    polar: np.ndarray
    _placements: dict[bytes, Placement] = field(default_factory=dict)

    @property
    def order(self) -> int:
        """Operations modulo the primitive lattice: the multiplicity of the general position."""
        return round(len(self.rotations) * abs(np.linalg.det(self.primitive)))

    def stabilizer(self, point: np.ndarray, tolerance: float) -> np.ndarray:
        """Mask ``(G,)`` of the operations that map ``point`` to itself modulo the lattice."""
        images = self.rotations @ point + self.translations
        return np.abs(circular(images - point)).max(-1) < tolerance

    def placement(self, stabilizer: np.ndarray) -> Placement:
        """The placement of sites with this stabilizer mask.

        Of the conjugate free subspaces the one with the smallest key is canonical.
        """
        key = stabilizer.tobytes()
        if key not in self._placements:
            projector = self.rotations[stabilizer].mean(0)
            inverse = np.linalg.inv(self.rotations)
            frames = [frame_of(p) for p in self.rotations @ projector @ inverse]
            best = min(frame.key for frame in frames)
            chosen = [i for i, frame in enumerate(frames) if frame.key == best]
            self._placements[key] = Placement(
                self.rotations[chosen], self.translations[chosen], frames[chosen[0]]
            )
        return self._placements[key]

    def orbit(self, matrix: np.ndarray, offset: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """All atoms of the site ``matrix @ u + offset`` in primitive fractional coordinates.

        Returns ``(m, 3, 3)`` and ``(m, 3)``: images of a generic point, one per primitive cell.
        """
        to_primitive = np.linalg.inv(self.primitive.T)
        matrices = to_primitive @ self.rotations @ matrix
        offsets = (self.rotations @ offset + self.translations) @ to_primitive.T
        points = matrices @ np.array([0.1234, 0.3571, 0.7173]) + offsets
        kept: list[int] = []
        for i, point in enumerate(points):
            if not kept or np.abs(circular(points[kept] - point)).max(-1).min() > 1e-5:
                kept.append(i)
        matrices = np.where(np.abs(matrices) < 1e-9, 0.0, matrices)
        return matrices[kept], offsets[kept] % 1.0

    def lattice(self) -> tuple[np.ndarray, np.ndarray]:
        """Which of the six lattice numbers are free ``(6,)``, and the values of the others."""
        angles = np.zeros(3)
        cell = np.eye(3)
        if 143 <= self.number <= 194:
            cell[1] = [-0.5, np.sqrt(0.75), 0]
            angles[2] = -0.5
        free = np.array([True, False, False, False, False, False])
        free[2] = self.number <= 194
        free[1] = self.number <= 74
        free[4] = self.number <= 15
        free[[3, 5]] = self.number <= 2
        fixed = parameters_from_cells(cell[None], np.ones(1))[0]
        fixed[0], fixed[3:] = 0.0, angles
        return free, fixed


@cache
def space_group(number: int) -> SpaceGroup:
    """Space group ``number`` (1 to 230) in spglib's standard setting.

    That is unique axis b, cell choice 1, origin choice 1, and hexagonal axes for R lattices.
    """
    import spglib

    hall = _standard_halls()[number]
    database = spglib.get_symmetry_from_database(hall)
    kind = spglib.get_spacegroup_type(hall)
    if database is None or kind is None:
        raise ValueError(f"there is no space group {number}")
    symbol = kind.international_short
    rotations = database["rotations"].astype(float)
    fixed = rotations.mean(0)
    polar = [axis for axis in range(3) if np.allclose(fixed[:, axis], np.eye(3)[axis])]
    return SpaceGroup(
        number,
        symbol,
        rotations,
        database["translations"],
        _PRIMITIVE[symbol[0]],
        np.eye(3)[polar],
    )


@cache
def _standard_halls() -> dict[int, int]:
    import spglib

    halls: dict[int, int] = {}
    for hall in range(1, 531):
        kind = spglib.get_spacegroup_type(hall)
        if kind is not None:
            halls.setdefault(int(kind.number), hall)
    return halls
