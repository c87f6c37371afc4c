"""The volume law: a crystal fills about the space that its atoms need."""

from __future__ import annotations

import numpy as np
import torch
from scipy.optimize import lsq_linear
from tensordict import TensorDict
from torch import Tensor, nn

from physgan_crystal.laws.tables import atomic_volumes

TINY = 1e-6


def volume_residual(expanded: TensorDict, atomic_volume: Tensor, band: float) -> Tensor:
    """``relu(|log(V / sum_i v_i)| - band)``, ``(B,)`` without unit, zero inside the band.

    ``atomic_volume (100,)`` in A^3; v_i is the mean over the relaxed species of atom i.
    """
    need = (expanded["species"] @ atomic_volume).sum(-1)
    volume = torch.linalg.det(expanded["cell"]).abs()
    ratio = torch.log(volume.clamp_min(TINY) / need.clamp_min(TINY))
    return torch.relu(ratio.abs() - band)


def fit_atomic_volumes(
    counts: np.ndarray, volumes: np.ndarray, stiffness: float = 1.0
) -> tuple[np.ndarray, float]:
    """Atomic volumes ``(100,)`` in A^3 and the band in which all but 0.2 % of the data lie.

    ``counts (M, 100)`` atoms per cell by element and ``volumes (M,)`` in A^3. Minimises the
    relative errors of the volumes plus ``stiffness`` times the relative deviation from the
    elements' own volumes, with bounds a factor of five to either side; so an element that the
    data lack keeps its own volume.
    """
    reference = atomic_volumes()
    rows = counts * reference / volumes[:, None]
    system = np.concatenate([rows, np.sqrt(stiffness) * np.eye(len(reference))])
    goal = np.concatenate([np.ones(len(volumes)), np.full(len(reference), np.sqrt(stiffness))])
    # the reference is the unknowns' unit, so that one bound serves all
    fitted = lsq_linear(system, goal, bounds=(0.2, 5.0)).x * reference
    error = np.abs(np.log(volumes / (counts @ fitted)))
    return fitted, float(np.quantile(error, 0.998))


class VolumeLaw(nn.Module):
    """``volume_residual`` of batches ``x``; without a fit, the elements' own volumes and ln 3."""

    atomic_volume: Tensor

    def __init__(
        self,
        library: nn.Module,
        atomic_volume: np.ndarray | None = None,
        band: float | None = None,
    ) -> None:
        super().__init__()
        self.library = library
        volumes = atomic_volumes() if atomic_volume is None else atomic_volume
        self.register_buffer("atomic_volume", torch.as_tensor(volumes))
        self.band = float(np.log(3.0)) if band is None else band

    def forward(self, x: TensorDict, given: TensorDict) -> Tensor:
        expanded = self.library.expand(x)  # type: ignore[operator]
        return volume_residual(expanded, self.atomic_volume.to(expanded["cell"]), self.band)
