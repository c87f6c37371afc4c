"""An E(3)-equivariant backbone on e3nn: spherical harmonics up to l = 2, invariant readout."""

from __future__ import annotations

from typing import Any

import torch
from e3nn import nn as e3nn_nn
from e3nn import o3
from tensordict import TensorDict
from torch import Tensor, nn

from physgan_crystal.networks.backbone import (
    ELEMENTS,
    HARMONICS,
    Graph,
    Readout,
    build_graph,
)


class Convolution(nn.Module):
    """Tensor-product convolution with radial weights and a gate.

    ``h_i <- Gate(L h_i + sum_j h_j (x)_{w(d_ij)} Y(r_ij))``; Batzner et al., NequIP, Nature
    Communications 13, 2453 (2022), and Geiger and Smidt, e3nn, arXiv:2207.09453.
    """

    def __init__(
        self,
        irreps_in: o3.Irreps,
        scalars: int,
        tensors: o3.Irreps,
        radial: int,
        degree: float,
    ) -> None:
        super().__init__()
        gates = o3.Irreps(f"{tensors.num_irreps}x0e") if tensors.num_irreps else o3.Irreps("")
        gate: Any = e3nn_nn.Gate(
            f"{scalars}x0e",
            [nn.functional.silu],
            gates,
            [torch.sigmoid] if len(gates) else [],
            tensors,
        )
        self.gate = gate
        self.irreps_out = gate.irreps_out
        self.scale = degree**-0.5
        wanted = gate.irreps_in.simplify()
        middle, paths = [], []
        for i, (mul, left) in enumerate(irreps_in):
            for j, (_, right) in enumerate(HARMONICS):
                for out in left * right:
                    if any(out == ir for _, ir in wanted):
                        paths.append((i, j, len(middle), "uvu", True))
                        middle.append((mul, out))
        self.product = o3.TensorProduct(
            irreps_in, HARMONICS, middle, paths, internal_weights=False, shared_weights=False
        )
        self.weights = e3nn_nn.FullyConnectedNet(
            [radial, 2 * radial, self.product.weight_numel], nn.functional.silu
        )
        self.mix = o3.Linear(o3.Irreps(middle), self.gate.irreps_in)
        self.keep = o3.Linear(irreps_in, self.gate.irreps_in)

    def forward(self, h: Tensor, graph: Graph) -> Tensor:
        weight = self.weights(graph.radial)
        message = self.product(h[graph.source], graph.harmonics, weight)
        total = self.scale * graph.gather(message)
        return self.gate(self.keep(h) + self.mix(total))


class EquivariantBackbone(nn.Module):
    """``expanded -> (B, feature_dim)`` through ``layers`` equivariant convolutions.

    ``hidden`` scalars and ``hidden // 2`` vectors and ``hidden // 4`` rank-2 tensors per atom; the
    last layer keeps scalars only, so that the features are invariant under rotations,
    reflections, translations, renumbering, the choice of the cell and supercells.
    """

    def __init__(
        self,
        hidden: int = 32,
        feature_dim: int = 64,
        layers: int = 2,
        cutoff: float = 5.0,
        nearest: int | None = 12,
        radial: int = 8,
        degree: float = 20.0,
    ) -> None:
        super().__init__()
        self.hparams = {k: v for k, v in locals().items() if k not in ("self", "__class__")}
        self.feature_dim, self.cutoff, self.nearest = feature_dim, cutoff, nearest
        self.radial = radial
        self.embed = nn.Linear(ELEMENTS, hidden, bias=False)
        nn.init.normal_(self.embed.weight)
        self.volume = nn.Linear(1, hidden)
        tensors: Any = o3.Irreps(f"{max(1, hidden // 2)}x1o + {max(1, hidden // 4)}x2e")
        irreps: Any = o3.Irreps(f"{hidden}x0e")
        convolutions: list[Any] = []
        for depth in range(layers):
            last = depth == layers - 1
            gated: Any = o3.Irreps("") if last else tensors
            convolutions.append(Convolution(irreps, hidden, gated, radial, degree))
            irreps = convolutions[-1].irreps_out
        self.layers = nn.ModuleList(convolutions)
        self.readout = Readout(hidden, feature_dim)

    def forward(self, expanded: TensorDict) -> Tensor:
        graph = build_graph(expanded, self.cutoff, self.nearest, self.radial)
        h = self.embed(graph.species) + self.volume(graph.log_volume[graph.crystal, None])
        for layer in self.layers:
            h = layer(h, graph)
        return self.readout(h, graph)
