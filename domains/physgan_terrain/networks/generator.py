"""Noise, class and limits to heights: a pyramid of valid convolutions, coarse to fine.

Each level doubles what the coarser one knows, adds noise of its own octave and refines it by two
convolutions; heights are the sum of what all levels say, each at its own amplitude. No layer looks
farther than a few of its cells and none normalises over space, so a world of any size is the same
function of its noise everywhere (the synthesis of StyleGAN2, Karras et al., 1912.04958, without
padding and without its demodulation).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import torch
from tensordict import TensorDict
from torch import Tensor, nn
from torch.nn import functional as F

from physgan.domain import Generator
from physgan.errors import InputError
from physgan_terrain.networks.doubling import doubled
from physgan_terrain.networks.exact import SETTING, activation_, snap
from physgan_terrain.networks.level import SLOPE, Level
from physgan_terrain.networks.windows import BLOCK, Span, spans

LATENT_LEVEL = 3
"""Where the latent enters: cells of 8 fine ones, 720 m at 90 m."""
NoiseField = Callable[[int, int, Span, Span], Tensor]
"""``(level, channels, rows, columns) -> (B, channels, rows, columns)`` of standard noise."""
LandField = Callable[[Span, Span], Tensor]
"""``(rows, columns) -> (1, 2, rows, columns)`` at the coarsest level: rise in metres and gain."""


class TerrainGenerator(Generator):
    """``octaves (C, L)`` are the log standard deviations in metres of the data's octaves, finest
    first, and ``base (C,)`` the mean heights, by class; ``classes`` is where the one-hot of the
    class stands in a condition, None where the model has no class. ``tile`` is the side in cells.

    Noise of the octaves alone, at these amplitudes, is where training begins: a Gaussian surface
    with the spectrum of the class.
    """

    octaves: Tensor
    base: Tensor

    def __init__(
        self,
        condition_dim: int,
        octaves: Tensor,
        base: Tensor,
        classes: slice | None,
        *,
        latent_dim: int = 256,
        tile: int = 64,
        widths: Sequence[int] = (16, 16, 32, 32, 48, 64),
        style: int = 64,
    ) -> None:
        super().__init__()
        cells = (tile // 2**LATENT_LEVEL) ** 2
        if latent_dim % cells:
            raise InputError(
                f"latent_dim is {latent_dim}, no multiple of the {cells} coarse cells of a tile",
                fix=f"set latent_dim to {4 * cells}",
            )
        self.latent_dim, self.tile, self.classes = latent_dim, tile, classes
        self.latent_channels = latent_dim // cells
        self.style = nn.Sequential(
            nn.Linear(condition_dim + 2, style), nn.LeakyReLU(SLOPE), nn.Linear(style, style)
        )
        levels = []
        for level, width in enumerate(widths):
            coarser = widths[level + 1] if level + 1 < len(widths) else 0
            levels.append(Level(coarser + self.channels(level), width, style))
        self.levels = nn.ModuleList(levels)
        self.amplitude = nn.Linear(style, len(widths) + 1)
        self.direct = nn.Parameter(torch.ones(len(widths)))
        nn.init.zeros_(self.amplitude.weight)
        nn.init.zeros_(self.amplitude.bias)
        self.register_buffer("octaves", octaves[:, : len(widths)].float().clone())
        self.register_buffer("base", base.float().clone())

    def channels(self, level: int) -> int:
        """Noise channels of ``level``: the latent's at its own, one elsewhere."""
        return self.latent_channels if level == LATENT_LEVEL else 1

    def forward(self, z: Tensor, condition: Tensor, given: TensorDict) -> TensorDict:
        span = Span(0, self.tile)
        height = self.surface(self._training_noise(z), span, span, condition, given)
        return TensorDict({"height": height}, batch_size=[len(z)])

    def reconstruct(
        self, x: TensorDict, z: Tensor, condition: Tensor, given: TensorDict
    ) -> TensorDict:
        return self(z, condition, given)

    def nll(
        self, x: TensorDict, z: Tensor, condition: Tensor, given: TensorDict
    ) -> dict[str, Tensor]:
        """Of the relief at 4 and 8 cells, in units of the tile's own: detail is the critic's."""
        real = x["height"]
        made = self(z, condition, given)["height"]
        scale = real.flatten(1).std(dim=1).clamp(min=0.5)[:, None, None, None]
        terms = {}
        for size, width in ((8, 0.1), (4, 0.15)):
            gap = F.avg_pool2d((made - real) / scale, size)
            gap = gap - gap.mean(dim=(2, 3), keepdim=True)
            normal = torch.distributions.Normal(0.0, width)
            terms[f"relief_{size}"] = -normal.log_prob(gap).flatten(1).sum(dim=1)
        return terms

    def surface(
        self, noise: NoiseField, rows: Span, columns: Span, condition: Tensor, given: TensorDict
    ) -> Tensor:
        """Heights ``(B, 1, rows, columns)`` in metres over the sea, before any projection."""
        return torch.relu(self.refine(noise, rows, columns, *self.settings(condition, given))[0])

    def settings(
        self, condition: Tensor, given: TensorDict
    ) -> tuple[Tensor, Tensor, list[list[tuple[Tensor, Tensor]]]]:
        """Base ``(B, 1, 1, 1)`` and amplitudes ``(B, L, 1, 1)`` in metres, and each level's
        modulations: all that condition and limit say, the same everywhere."""
        style = self.style(torch.cat([condition, limit_code(condition, given)], dim=1))
        change = self.amplitude(style)
        octaves, base = self._of_class(condition)
        amplitudes = (octaves + change[:, :-1]).exp()[:, :, None, None]
        base = base + change[:, -1] * amplitudes[:, :, 0, 0].sum(dim=1)
        return base[:, None, None, None], amplitudes, [m.modulations(style) for m in self.levels]  # type: ignore[operator]

    def refine(
        self,
        noise: NoiseField,
        rows: Span,
        columns: Span,
        base: Tensor,
        amplitudes: Tensor,
        modulations: Sequence[Sequence[tuple[Tensor, Tensor]]],
        *,
        land: LandField | None = None,
        exact: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """The pyramid itself, from what ``settings`` gave, before the sea is laid over it.

        Heights, and where there is a ``land`` its rise ``(1, 1, rows, columns)``, which they
        include; its gain multiplies what every level says.
        With ``exact``, weights and settings on their grids (``networks/exact.py``) and noise on
        that of activations, every cell is the same number in any window and on any machine;
        heights then come in float64, in steps of 2^-10 m.
        """
        count = len(self.levels)
        need = list(zip(spans(rows, count), spans(columns, count), strict=True))
        inner, height, ground = None, None, None if land is None else land(*need[-1])
        for level in reversed(range(count)):
            out_rows, out_columns = need[level]
            in_rows, in_columns = out_rows.wider(BLOCK), out_columns.wider(BLOCK)
            fresh = noise(level, self.channels(level), in_rows, in_columns)
            parts = [fresh]
            if inner is not None and height is not None:
                held = need[level + 1]
                parts.append(doubled(inner, held, (in_rows, in_columns)))
                height = doubled(height, held, (out_rows, out_columns))
                if ground is not None:
                    ground = doubled(ground, held, (out_rows, out_columns))
            module = self.levels[level]
            own = fresh[:, :1, BLOCK:-BLOCK, BLOCK:-BLOCK]
            if exact:
                parts = [parts[0], *(activation_(part.clone()) for part in parts[1:])]
                inner = module.exactly(torch.cat(parts, dim=1), modulations[level])  # type: ignore[operator]
                said = module.exact_height(inner.double())  # type: ignore[operator]
                said = said + self.direct[level].double() * own.double()
                said = amplitudes[:, level : level + 1].double() * said
                said = snap(said if ground is None else said * ground[:, 1:], SETTING)
            else:
                inner = module(torch.cat(parts, dim=1), modulations[level])
                said = self.direct[level] * own + module.height(inner)  # type: ignore[operator]
                said = amplitudes[:, level : level + 1] * said
                said = said if ground is None else said * ground[:, 1:].to(said)
            height = said if height is None else height + said
        assert height is not None
        if ground is None:
            return base + height, None
        rise = ground[:, :1].to(height)
        return base + height + rise, rise

    @torch.no_grad()
    def exact_copy(
        self, noise: NoiseField, condition: Tensor, given: TensorDict
    ) -> tuple[TerrainGenerator, tuple[Tensor, Tensor, list[list[tuple[Tensor, Tensor]]]]]:
        """A copy whose ``refine`` is exact under ``condition (1, C)``, with its settings.

        The range of each channel is measured on a window of ``noise``, level by level.
        """
        base, amplitudes, modulations = self.eval().settings(condition, given)
        net = copy.deepcopy(self).requires_grad_(False)
        net.direct.copy_(snap(net.direct, SETTING))
        need = spans(Span(0, 2 * self.tile), len(self.levels))
        inner, scale, fitted = None, None, []
        for level in reversed(range(len(self.levels))):
            span = need[level].wider(BLOCK)
            parts = [noise(level, self.channels(level), span, span)]
            scales = [torch.ones(parts[0].shape[1])]
            if inner is not None and scale is not None:
                held = need[level + 1]
                parts.append(activation_(doubled(inner, (held, held), (span, span)).clone()))
                scales.append(scale)
            module = net.levels[level]
            inner, scale, found = module.fit_exactly(  # type: ignore[operator]
                torch.cat(parts, dim=1), torch.cat(scales), modulations[level]
            )
            fitted.append(found)
        return net, (snap(base, SETTING), snap(amplitudes, SETTING), fitted[::-1])

    def _of_class(self, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Log octaves ``(B, L)`` and base ``(B,)``; those of all classes where it is unknown."""
        if self.classes is None:
            weights = condition.new_zeros(len(condition), len(self.base))
        else:
            weights = condition[:, self.classes]
        unknown = weights.sum(dim=1, keepdim=True) < 0.5
        weights = torch.where(unknown, 1 / len(self.base), weights)
        return weights @ self.octaves, weights @ self.base

    def _training_noise(self, z: Tensor) -> NoiseField:
        side = self.tile // 2**LATENT_LEVEL
        latent = z.view(len(z), self.latent_channels, side, side)

        def field(level: int, channels: int, rows: Span, columns: Span) -> Tensor:
            drawn = torch.randn(len(z), channels, len(rows), len(columns), device=z.device)
            if level == LATENT_LEVEL:
                middle = Span(0, side)
                drawn[:, :, middle.inside(rows), middle.inside(columns)] = latent
            return drawn

        return field


def limit_code(condition: Tensor, given: TensorDict) -> Tensor:
    """``(B, 2)``: log tan of the slope limit ``given["limit"]`` in degrees, and whether there is
    one."""
    limit = given.get("limit", None)
    if limit is None:
        return condition.new_zeros(len(condition), 2)
    known = torch.isfinite(limit) & (limit < 89)
    tangent = torch.tan(torch.deg2rad(torch.where(known, limit, 30.0)))
    code = torch.stack([tangent.clamp(min=1e-3).log(), torch.ones_like(tangent)], dim=1)
    return (code * known.unsqueeze(1)).to(condition.dtype)
