"""A fast graph network on invariants: distances, and the lengths of summed dipoles, quadrupoles."""

from __future__ import annotations

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from physgan_crystal.networks.backbone import ELEMENTS, Graph, Readout, build_graph


class Interaction(nn.Module):
    """Gated continuous-filter convolution with an angular channel.

    Messages ``m_ij = u(d) W(d) * silu(A h_i + B h_j)`` (Schuett et al., SchNet, 2017, with the
    gate of CGCNN, Xie and Grossman 2018) avoid any dense layer on edges. The first ``angular``
    channels also weigh the harmonics l = 1, 2; the squared lengths of their sums are invariant
    and know angles, as in bond-orientational order parameters (Steinhardt 1983).
    """

    def __init__(self, hidden: int, radial: int, angular: int, degree: float) -> None:
        super().__init__()
        self.angular, self.scale = angular, degree**-0.5
        self.filter = nn.Linear(radial, hidden, bias=False)
        self.centre = nn.Linear(hidden, hidden)
        self.neighbour = nn.Linear(hidden, hidden, bias=False)
        self.update = nn.Sequential(
            nn.LayerNorm(2 * hidden + 2 * angular),
            nn.Linear(2 * hidden + 2 * angular, hidden),
            nn.SiLU(),
            nn.Linear(hidden, hidden),
        )

    def forward(self, h: Tensor, graph: Graph) -> Tensor:
        gate = self.centre(h)[graph.target] + self.neighbour(h)[graph.source]
        message = self.filter(graph.radial) * nn.functional.silu(gate)
        parts = [h, self.scale * graph.gather(message)]
        if self.angular:
            parts += self._moments(message[:, : self.angular], graph)
        return h + self.update(torch.cat(parts, -1))

    def _moments(self, message: Tensor, graph: Graph) -> list[Tensor]:
        tensor = graph.harmonics[:, 1:]
        total = graph.gather((message[:, :, None] * tensor[:, None, :]).flatten(1))
        total = self.scale * total.unflatten(1, (self.angular, -1))
        return [total[..., :3].square().sum(-1), total[..., 3:].square().sum(-1)]


class InvariantBackbone(nn.Module):
    """``expanded -> (B, feature_dim)``: embedding, interactions, intensive readout.

    ``cutoff`` in Angstrom; ``nearest`` shrinks it per atom (see ``graph.neighbours``); ``degree``
    is the typical number of neighbours that scales the sums.
    """

    def __init__(
        self,
        hidden: int = 64,
        feature_dim: int = 64,
        layers: int = 3,
        cutoff: float = 5.0,
        nearest: int | None = 12,
        radial: int = 16,
        angular: int = 8,
        degree: float = 20.0,
    ) -> None:
        super().__init__()
        self.hparams = {k: v for k, v in locals().items() if k not in ("self", "__class__")}
        self.feature_dim, self.cutoff, self.nearest = feature_dim, cutoff, nearest
        self.radial = radial
        self.embed = nn.Linear(ELEMENTS, hidden, bias=False)
        nn.init.normal_(self.embed.weight)
        self.volume = nn.Linear(1, hidden)
        self.layers = nn.ModuleList(
            Interaction(hidden, radial, angular, degree) for _ in range(layers)
        )
        self.readout = Readout(hidden, feature_dim)

    def forward(self, expanded: TensorDict) -> Tensor:
        graph = build_graph(expanded, self.cutoff, self.nearest, self.radial)
        h = self.embed(graph.species) + self.volume(graph.log_volume[graph.crystal, None])
        for layer in self.layers:
            h = layer(h, graph)
        return self.readout(h, graph)
