"""The distance law: no two atoms, own images included, nearer than 0.7 of their bond length."""

from __future__ import annotations

import torch
from tensordict import TensorDict
from torch import Tensor, nn
from torch_geometric.utils import scatter

from physgan_crystal.graph import Edges, neighbours
from physgan_crystal.laws.tables import covalent_radii

FRACTION = 0.7


def contacts(expanded: TensorDict, fraction: float = FRACTION) -> tuple[Edges, Tensor]:
    """Edges that may be too short, and the least distance ``(E,)`` in A that each may have.

    ``d_min = fraction (r_i + r_j)``, r_i the mean covalent radius over the relaxed species.
    """
    radii = torch.as_tensor(covalent_radii()).to(expanded["cell"])
    reach = 2 * fraction * float(radii.max())
    edges = neighbours(expanded["frac"], expanded["cell"], expanded["mask"], reach)
    radius = (expanded["species"] @ radii).flatten()
    return edges, fraction * (radius[edges.source] + radius[edges.target])


def distance_residual(expanded: TensorDict, fraction: float = FRACTION) -> Tensor:
    """Mean over atoms of the worst ``relu(d_min - d)`` among their neighbours, ``(B,)`` in A."""
    mask = expanded["mask"]
    edges, least = contacts(expanded, fraction)
    short = torch.relu(least - edges.distance)
    worst = scatter(short, edges.target, 0, mask.numel(), reduce="max").view(mask.shape)
    return worst.sum(-1) / mask.sum(-1)


class DistanceLaw(nn.Module):
    """``distance_residual`` of batches ``x``, expanded by ``library``."""

    def __init__(self, library: nn.Module, fraction: float = FRACTION) -> None:
        super().__init__()
        self.library, self.fraction = library, fraction

    def forward(self, x: TensorDict, given: TensorDict) -> Tensor:
        return distance_residual(self.library.expand(x), self.fraction)  # type: ignore[operator]
