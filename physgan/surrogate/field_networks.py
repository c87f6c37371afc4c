"""Networks on fields of a torus, of any size: convolutions without norms over the grid."""

from __future__ import annotations

from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from physgan.domain import Verdict
from physgan.sequences import Stepper
from physgan.tensors import full_precision


class FieldStepper(Stepper):
    """The change of ``field (B, C, H, W)`` over a step. ``mean`` and ``std (C,)`` are those of the
    data, ``change (C,)`` is how much one step changes it (root mean square): the unit of errors,
    in which a state that stays as it is has an error of about 1.

    Residual 3x3 convolutions whose ``dilations`` set how far a pass sees; the condition scales and
    shifts each (FiLM, Perez et al. 2018, 1709.07871). With ``noise_channels`` it is stochastic.
    ``memory`` is the width of a hidden state, 0 for none, for which the state before says too
    little: a gated unit (Cho et al. 2014, 1406.1078) reads each pass's activations, means over the
    grid, and is told to the next pass beside the condition.
    """

    mean: Tensor
    std: Tensor
    change: Tensor

    def __init__(
        self,
        condition_dim: int,
        mean: Tensor,
        std: Tensor,
        change: Tensor,
        width: int = 24,
        dilations: tuple[int, ...] = (1, 1, 2),
        noise_channels: int = 0,
        memory: int = 0,
    ) -> None:
        super().__init__()
        self.activation_dim, self.hidden_dim = width, memory
        for name, value in {"mean": mean, "std": std, "change": change}.items():
            self.register_buffer(name, value.reshape(-1, 1, 1).clone())
        channels = self.mean.numel()
        self.noise_channels = noise_channels
        self.lift = around(channels + noise_channels, width)
        self.blocks = nn.ModuleList(around(width, width, d) for d in dilations)
        self.films = nn.Linear(condition_dim + memory, 2 * width * len(dilations))
        self.cell = nn.GRUCell(width, memory) if memory else None
        self.read = around(width, channels)
        for silent in (self.films, self.read):
            nn.init.zeros_(silent.weight)
            nn.init.zeros_(silent.bias)  # type: ignore[arg-type]

    def noise(self, state: TensorDict) -> Tensor | None:
        if not self.noise_channels:
            return None
        field = state["field"]
        return torch.randn(len(field), self.noise_channels, *field.shape[-2:], device=field.device)

    def forward(
        self, state: TensorDict, condition: Tensor, z: Tensor | None, hidden: Tensor | None
    ) -> tuple[TensorDict, Tensor | None]:
        seen = self._scaled(state)
        inputs = seen if z is None else torch.cat([seen, z], dim=1)
        h = self.lift(inputs)
        told = condition if hidden is None else torch.cat([condition, hidden], dim=1)
        films = self.films(told)[:, :, None, None].chunk(len(self.blocks), dim=1)
        for block, film in zip(self.blocks, films, strict=True):
            scale, shift = film.chunk(2, dim=1)
            h = h + block(nn.functional.gelu(h * (1 + scale) + shift))
        activations = full_precision(h).mean(dim=(2, 3))
        if self.cell is not None:
            hidden = full_precision(self.cell(activations, hidden))
        field = state["field"] + self.change * self.read(h)
        made = {"field": field, "activations": activations}
        return TensorDict(made, state.batch_size), hidden

    def error(
        self, prediction: TensorDict, state: TensorDict, target: TensorDict, given: TensorDict
    ) -> Tensor:
        gap = (prediction["field"] - target["field"]) / self.change
        return gap.square().mean(dim=(1, 2, 3))

    def settle(self, prediction: TensorDict, state: TensorDict) -> TensorDict:
        return prediction.select("field")

    def seen(self, state: TensorDict) -> TensorDict:
        return TensorDict({"field": self._scaled(state)}, state.batch_size)

    def _scaled(self, state: TensorDict) -> Tensor:
        return (state["field"] - self.mean) / self.std


class FieldCritic(nn.Module):
    """Judges all leaves of x side by side, ``channels`` together, in patches whose mean counts."""

    def __init__(self, channels: int, condition_dim: int, width: int = 32) -> None:
        super().__init__()
        self.feature_dim = width
        self.body = nn.Sequential(
            around(channels, width // 2), nn.SiLU(), nn.AvgPool2d(2),
            around(width // 2, width), nn.SiLU(), nn.AvgPool2d(2), around(width, width),
        )  # fmt: skip
        self.film = nn.Linear(condition_dim, width)
        self.score = nn.Linear(width, 1)

    def forward(self, x: TensorDict, condition: Tensor, given: TensorDict) -> Verdict:
        leaves: list[Any] = list(x.values(include_nested=True, leaves_only=True))
        maps = self.body(torch.cat(leaves, dim=1)) + self.film(condition)[:, :, None, None]
        features = nn.functional.silu(maps).mean(dim=(2, 3))
        return Verdict(full_precision(self.score(features)[:, 0]), features)


def around(inputs: int, outputs: int, dilation: int = 1) -> nn.Conv2d:
    """A 3x3 convolution on the torus."""
    return nn.Conv2d(
        inputs, outputs, 3, padding=dilation, dilation=dilation, padding_mode="circular"
    )
