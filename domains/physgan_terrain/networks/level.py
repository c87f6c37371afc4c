"""One level of the generator's pyramid: two modulated convolutions, plain and exact."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from physgan_terrain.networks.exact import (
    FINE,
    SETTING,
    activation_,
    scale_to_fit,
    snap,
    snap_weight_,
)

SLOPE = 0.25


class Level(nn.Module):
    """Two modulated 3 x 3 convolutions and the heights that they add."""

    def __init__(self, inner: int, width: int, style: int) -> None:
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv2d(inner, width, 3), nn.Conv2d(width, width, 3)])
        self.styles = nn.ModuleList([nn.Linear(style, 2 * width) for _ in range(2)])
        self.height = nn.Conv2d(width, 1, 1)
        nn.init.zeros_(self.height.weight)
        assert self.height.bias is not None
        nn.init.zeros_(self.height.bias)
        for conv in self.convs:
            nn.init.kaiming_normal_(conv.weight, a=SLOPE)  # type: ignore[arg-type]
        for layer in self.styles:
            nn.init.normal_(layer.weight, std=0.02)  # type: ignore[arg-type]
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]

    def modulations(self, style: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Gain and bias ``(B, W, 1, 1)`` after each convolution."""
        pairs = [layer(style)[:, :, None, None].chunk(2, dim=1) for layer in self.styles]
        return [(1 + gain, bias) for gain, bias in pairs]

    def forward(self, x: Tensor, modulations: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
        for conv, (gain, bias) in zip(self.convs, modulations, strict=True):
            x = F.leaky_relu(conv(x) * gain + bias, SLOPE)
        return x

    def exactly(self, x: Tensor, modulations: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
        """``forward`` with weights, modulations and ``x`` on their grids: no sum is rounded."""
        for conv, (gain, bias) in zip(self.convs, modulations, strict=True):
            summed = F.conv2d(x, conv.weight)  # type: ignore[arg-type]
            # In place: at millions of cells, fresh memory costs more than arithmetic.
            summed.add_(conv.bias[:, None, None]).mul_(gain).add_(bias)  # type: ignore[index]
            x = activation_(F.leaky_relu_(summed, SLOPE))
        return x

    def fit_exactly(
        self, x: Tensor, scale: Tensor, modulations: Sequence[tuple[Tensor, Tensor]]
    ) -> tuple[Tensor, Tensor, list[tuple[Tensor, Tensor]]]:
        """Bring this level, in place, within the reach of exact numbers, by what ``x`` makes of it.

        A leaky ReLU passes positive factors, so each channel may be scaled by a power of two and
        the next weights by its inverse: the function stays, its range becomes that of the grid.
        ``scale (inner,)`` is that of the channels of ``x``. Gives the scaled output, its scale and
        the scaled modulations. All of it is exact, and so the same on any machine.
        """
        found = []
        for conv, (gain, bias) in zip(self.convs, modulations, strict=True):
            assert isinstance(conv, nn.Conv2d) and conv.bias is not None
            conv.weight.div_(scale[:, None, None])
            plain = conv.weight.clone()
            gain = snap(gain, SETTING)
            snap_weight_(conv)
            out = (F.conv2d(x, conv.weight) + snap(conv.bias, SETTING)[:, None, None]) * gain
            scale = scale_to_fit(out + snap(bias, SETTING))
            conv.weight.copy_(plain * scale[:, None, None, None])
            snap_weight_(conv)
            conv.bias.copy_(snap(conv.bias * scale, SETTING))
            found.append((gain, snap(bias * scale[:, None, None], SETTING)))
            x = F.conv2d(x, conv.weight).add_(conv.bias[:, None, None]).mul_(gain)
            x = activation_(F.leaky_relu_(x.add_(found[-1][1]), SLOPE))
        assert self.height.bias is not None
        self.height.weight.copy_(snap(self.height.weight / scale[:, None, None], FINE))
        self.height.bias.copy_(snap(self.height.bias, FINE))
        return x, scale, found

    def exact_height(self, x: Tensor) -> Tensor:
        """The heights of ``x (B, W, H, W)`` in float64."""
        bias = self.height.bias
        assert bias is not None
        return F.conv2d(x, self.height.weight.double()) + bias.double()
