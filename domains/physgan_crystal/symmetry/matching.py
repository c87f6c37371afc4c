"""Which site of a crystal plays which role in a prototype."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from physgan_crystal.symmetry.subspace import Frame, circular

WIDTH = 0.15
"""Scale of displacements along free directions, in fractional units, for matching only."""


@dataclass
class Roles:
    """Sites of a prototype whose free directions are the polar ones, shared by all sites.

    ``nominal (S, 3)`` are ideal positions; ``seen (S, 100)`` counts the elements met at each.
    """

    frame: Frame
    nominal: np.ndarray
    seen: np.ndarray

    @property
    def sites(self) -> int:
        return len(self.nominal)

    @property
    def fixed(self) -> np.ndarray:
        """Coordinates across the free subspace ``(S, 3 - f)``."""
        return self.nominal @ self.frame.to_fixed.T

    def gauge(self, frac: np.ndarray) -> np.ndarray:
        """Displacements ``(R, S, f)`` in [-1/2, 1/2) whose circular mean over sites is zero."""
        shift = (frac - self.nominal) @ self.frame.to_free.T
        phase = np.exp(2j * np.pi * shift).sum(1, keepdims=True)
        return circular(shift - np.angle(phase) / (2 * np.pi))


def match_geometry(frac: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Order ``(R, S)`` of the sites of ``frac (R, S, 3)`` nearest to ``reference (S, 3)``."""
    gap = circular(frac[:, None, :, :] - reference[None, :, None, :])
    return _assign((gap**2).sum(-1))


def match_roles(frac: np.ndarray, numbers: np.ndarray, roles: Roles) -> np.ndarray:
    """Order ``(R, S)``: entry s is the site of the row that plays role s.

    The assignment of least cost (Kuhn 1955): coordinates that symmetry fixes must agree, then
    elements seen in a role and small displacements count as log-likelihoods. Polar origins are
    removed by matching once without displacements.
    """
    frame = roles.frame
    across = circular(frac[:, None] @ frame.to_fixed.T - roles.fixed[None, :, None])
    share = (roles.seen + 0.5) / (roles.seen + 0.5).sum(1, keepdims=True)
    cost = 1e4 * (across**2).sum(-1) - np.log(share)[:, numbers - 1].transpose(1, 0, 2)
    if not frame.free:
        return _assign(cost)
    order = _assign(cost) if roles.seen.any() else match_geometry(frac, roles.nominal)
    along = (frac[:, None] - roles.nominal[None, :, None]) @ frame.to_free.T
    for _ in range(2):
        chosen = np.take_along_axis(along, order[:, :, None, None], axis=2)[:, :, 0]
        origin = np.angle(np.exp(2j * np.pi * chosen).sum(1)) / (2 * np.pi)
        moved = circular(along - origin[:, None, None])
        order = _assign(cost + (moved**2).sum(-1) / (2 * WIDTH**2))
    return order


def _assign(cost: np.ndarray) -> np.ndarray:
    """Columns of the cheapest assignment of each ``(S, S)`` matrix in ``cost (R, S, S)``."""
    return np.stack([linear_sum_assignment(matrix)[1] for matrix in cost])
