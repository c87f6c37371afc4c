"""Six numbers for a conventional cell, differentiable and never singular."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

GRAM_FLOOR = 1e-4
"""Least squared volume of the cell with unit edges; measured crystals stay above 0.01."""


def cell_from_parameters(lattice: Tensor, atoms: Tensor) -> Tensor:
    """Rows are the lattice vectors in A, ``(B, 3, 3)``, of the conventional cell.

    ``lattice (B, 6)`` is [log(volume per atom / A^3), log(b/a), log(c/a), cos alpha, cos beta,
    cos gamma] and ``atoms (B,)`` the atoms in that cell. a lies along x and b in the xy plane
    (International Tables A, 5.1). The volume is exp(lattice[0]) * atoms for every input: angles
    that close no cell are mapped to the nearest flat cell with Gram determinant ``GRAM_FLOOR``.
    """
    log_volume, log_b, log_c, *cosines = lattice.unbind(-1)
    limit = 1 - GRAM_FLOOR
    alpha, beta, gamma = (cosine.clamp(-limit, limit) for cosine in cosines)
    gram = 1 - alpha**2 - beta**2 - gamma**2 + 2 * alpha * beta * gamma
    height = gram.clamp(min=GRAM_FLOOR).sqrt()
    sine = (1 - gamma**2).sqrt()
    b, c = log_b.exp(), log_c.exp()
    a = (log_volume.exp() * atoms / (b * c * height)).pow(1 / 3)
    zero = torch.zeros_like(a)
    rows = (
        torch.stack((a, zero, zero), -1),
        torch.stack((a * b * gamma, a * b * sine, zero), -1),
        torch.stack((beta, (alpha - beta * gamma) / sine, height / sine), -1) * (a * c)[..., None],
    )
    return torch.stack(rows, -2)


def parameters_from_cells(cells: np.ndarray, atoms: np.ndarray) -> np.ndarray:
    """The six numbers ``(B, 6)`` of ``cells (B, 3, 3)`` in A that hold ``atoms (B,)`` each."""
    cells = np.asarray(cells, dtype=float)
    lengths = np.linalg.norm(cells, axis=-1)
    unit = cells / lengths[..., None]
    cosines = [(unit[:, i] * unit[:, j]).sum(-1) for i, j in ((1, 2), (0, 2), (0, 1))]
    volume = np.abs(np.linalg.det(cells)) / np.asarray(atoms, dtype=float)
    ratios = [np.log(lengths[:, k] / lengths[:, 0]) for k in (1, 2)]
    return np.stack([np.log(volume), *ratios, *cosines], axis=1)
