"""What the graph backbones share: the compact graph, radial functions, the intensive readout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from e3nn import o3
from e3nn.math import soft_one_hot_linspace
from tensordict import TensorDict
from torch import Tensor, nn
from torch_geometric.utils import scatter

from physgan.errors import InputError
from physgan_crystal.graph import envelope, neighbours

ELEMENTS = 100
HARMONICS = o3.Irreps.spherical_harmonics(2)
TYPICAL_LOG_VOLUME = 2.8  # log(16 A^3), so that the volume feature is near zero


@dataclass(frozen=True)
class Graph:
    """Existing atoms of a batch, packed: A atoms in B crystals and E edges source -> target.

    ``species (A, 100)``, ``crystal (A,)``, ``log_volume (B,)`` = log(A^3 per atom) less 2.8,
    ``harmonics (E, 9)`` spherical harmonics l = 0, 1, 2 of the edge directions, ``radial (E, R)``
    Bessel functions times the envelope, so that an edge at the cutoff carries nothing.
    """

    species: Tensor
    crystal: Tensor
    log_volume: Tensor
    source: Tensor
    target: Tensor
    harmonics: Tensor
    radial: Tensor

    def mean(self, values: Tensor) -> Tensor:
        """Mean over the atoms of each crystal, ``(A, ...) -> (B, ...)``."""
        return scatter(values, self.crystal, 0, len(self.log_volume), reduce="mean")

    def gather(self, messages: Tensor) -> Tensor:
        """Sum of the messages ``(E, ...)`` at their targets, ``(A, ...)``."""
        return scatter(messages, self.target, 0, len(self.crystal), reduce="sum")


def build_graph(expanded: TensorDict, cutoff: float, nearest: int | None, radial: int) -> Graph:
    """Graph of ``expanded`` (frac, species, cell, mask) with ``radial`` Bessel functions."""
    mask = expanded["mask"]
    edges = neighbours(expanded["frac"], expanded["cell"], mask, cutoff, nearest=nearest)
    flat = mask.flatten()
    position = flat.cumsum(0) - 1
    crystal = torch.arange(len(mask), device=mask.device)[:, None].expand_as(mask)[mask]
    volume = torch.linalg.det(expanded["cell"]).abs() / mask.sum(-1)
    basis = soft_one_hot_linspace(edges.distance, 0.0, cutoff, radial, "bessel", cutoff=False)
    weight = cutoff**0.5 * envelope(edges.distance / edges.cutoff)
    direction = edges.vector / edges.distance[:, None]
    return Graph(
        species=expanded["species"][mask],
        crystal=crystal,
        log_volume=volume.clamp_min(1e-6).log() - TYPICAL_LOG_VOLUME,
        source=position[edges.source],
        target=position[edges.target],
        harmonics=o3.spherical_harmonics(HARMONICS, direction, False, "component"),
        radial=basis * weight[:, None],
    )


class Readout(nn.Module):
    """Atoms to crystal by mean and smooth standard deviation, both intensive.

    ``(A, H) -> (B, F)``; a supercell has the same mean and deviation, unlike a sum, and the
    deviation is smooth where a maximum is not.
    """

    def __init__(self, hidden: int, feature_dim: int) -> None:
        super().__init__()
        self.atom = nn.Sequential(nn.Linear(hidden, hidden), nn.SiLU(), nn.Linear(hidden, hidden))
        self.crystal = nn.Sequential(
            nn.Linear(2 * hidden + 1, feature_dim), nn.SiLU(), nn.Linear(feature_dim, feature_dim)
        )

    def forward(self, hidden: Tensor, graph: Graph) -> Tensor:
        values = self.atom(hidden)
        mean = graph.mean(values)
        spread = (graph.mean((values - mean[graph.crystal]).square()) + 1e-4).sqrt()
        return self.crystal(torch.cat([mean, spread, graph.log_volume[:, None]], -1))


def build_backbone(kind: str = "invariant", **options: Any) -> nn.Module:
    """A backbone ``expanded -> (B, feature_dim)`` with attributes ``feature_dim``, ``hparams``.

    ``invariant``: distances and angular moments, fast; ``equivariant``: e3nn, l <= 2.
    """
    if kind == "invariant":
        from physgan_crystal.networks.invariant import InvariantBackbone

        return InvariantBackbone(**options)
    if kind == "equivariant":
        from physgan_crystal.networks.equivariant import EquivariantBackbone

        return EquivariantBackbone(**options)
    raise InputError(f"no backbone called {kind!r}", fix="known: invariant, equivariant")
