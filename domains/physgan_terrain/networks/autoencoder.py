"""A critic of terrain that is an autoencoder, for objectives that play with energies."""

from __future__ import annotations

import torch
from tensordict import TensorDict
from torch import Tensor, nn
from torch.nn import functional as F

from physgan.domain import Verdict
from physgan_terrain.networks.critic import FIGURES, PLANES, Trunk, views


class TerrainAutoencoder(nn.Module):
    """``(x, condition, given) -> Verdict``: the score is the mean squared error of the planes plus
    that of the figures (``critic.views``), the features are the code between. The condition is not
    looked at."""

    def __init__(
        self, *, widths: tuple[int, ...] = (8, 16, 32), feature_dim: int = 64, tile: int = 32
    ) -> None:
        super().__init__()
        self.feature_dim, self.side, self.width = feature_dim, tile // 2 ** len(widths), widths[-1]
        cells = self.side**2
        self.trunk = Trunk(tuple(widths))
        self.code = nn.Linear(widths[-1] * cells + FIGURES, feature_dim)
        self.back = nn.Linear(feature_dim, widths[-1] * cells)
        steps: list[nn.Module] = []
        for outer, inner in zip((*widths[-2::-1], widths[0]), widths[::-1], strict=True):
            steps += [nn.Upsample(scale_factor=2), nn.Conv2d(inner, outer, 3, padding=1), nn.SiLU()]
        self.planes = nn.Sequential(*steps, nn.Conv2d(widths[0], PLANES, 3, padding=1))
        self.figures = nn.Linear(feature_dim, FIGURES)

    def prepare(self, x: TensorDict) -> TensorDict:
        """The planes and figures of ``x``, as the domain's critic has them."""
        planes, figures = views(x["height"])
        return TensorDict({"planes": planes, "figures": figures}, x.batch_size)

    def forward(self, x: TensorDict, condition: Tensor, given: TensorDict) -> Verdict:
        seen = x if "planes" in x.keys() else self.prepare(x)  # noqa: SIM118
        inner = torch.cat([self.trunk(seen["planes"]).flatten(1), seen["figures"]], dim=1)
        code = self.code(inner)
        hidden = F.silu(code)
        planes = self.planes(self.back(hidden).view(len(code), self.width, self.side, self.side))
        back = TensorDict({"planes": planes, "figures": self.figures(hidden)}, x.batch_size)
        error = (planes - seen["planes"]).square().mean(dim=(1, 2, 3))
        error = error + (back["figures"] - seen["figures"]).square().mean(dim=1)
        return Verdict(error, code, back)
