"""A U-Net on phases: the ordinary network for label fields, to compare the pointer net with.

Bubbles get one of 16 colours so that no two within reach of a pixel share one where that can be
helped; the network says each pixel's next colour (Ronneberger et al., 1505.04597). A pixel takes
the label in reach that has the colour, so this is a pointer too and keeps the total area.
"""

from __future__ import annotations

import numpy as np
import torch
from numba import njit
from tensordict import TensorDict
from torch import Tensor, nn
from torch.nn import functional as F

from physgan.sequences import Stepper
from physgan.tensors import full_precision
from physgan_foam.networks.stepper import FoamStepper
from physgan_foam.offsets import REACH, neighbours, wrap

COLOURS = 16


class UNetStepper(FoamStepper):
    """Three levels of ``width``, 2 and 4 ``width`` channels on a torus. Errors, decisions and what
    critics see are those of ``FoamStepper``; there is no noise and no fast pass."""

    def __init__(self, condition_dim: int, *, width: int = 32) -> None:
        nn.Module.__init__(self)
        self.net = UNet(condition_dim, width)  # type: ignore[assignment]
        self.activation_dim = width

    def forward(
        self, state: TensorDict, condition: Tensor, z: Tensor | None, hidden: Tensor | None
    ) -> tuple[TensorDict, Tensor | None]:
        labels = state["labels"]
        around = neighbours(wrap(labels, REACH))
        colour = torch.stack([colours(row) for row in labels]).to(labels.device)
        phases = F.one_hot(colour, COLOURS).permute(0, 3, 1, 2)
        phases = phases.to(condition.dtype)
        h: Tensor = self.net.activations(phases, condition)  # type: ignore[operator]
        score = (self.net.out(h) + 2 * phases).float()  # type: ignore[operator]
        pointed = neighbours(wrap(colour, REACH))
        logits = score.gather(1, pointed)
        activations = full_precision(h).mean(dim=(2, 3))
        made = {"logits": logits, "around": around, "activations": activations}
        return TensorDict(made, [len(labels)]), hidden

    def noise(self, state: TensorDict) -> Tensor | None:
        return None

    # Phases have no coarser grid to go on.
    advance = Stepper.advance


class UNet(nn.Module):
    """Phases ``(B, 16, H, W)``, a condition ``(B, C)``: logits of colours ``(B, 16, H, W)``."""

    def __init__(self, condition_dim: int, width: int) -> None:
        super().__init__()
        widths = (width, 2 * width, 4 * width)
        sides = (COLOURS, *widths)
        self.down = nn.ModuleList(_pair(a, b) for a, b in zip(sides, widths, strict=False))
        self.up = nn.ModuleList(
            _pair(a + b, b) for a, b in zip(widths[:0:-1], widths[-2::-1], strict=True)
        )
        self.told = nn.Linear(condition_dim, widths[-1])
        self.out = nn.Conv2d(width, COLOURS, 1)

    def forward(self, phases: Tensor, condition: Tensor) -> Tensor:
        return self.out(self.activations(phases, condition)) + 2 * phases

    def activations(self, phases: Tensor, condition: Tensor) -> Tensor:
        """What the last layer reads, ``(B, width, H, W)``."""
        h, kept = phases, []
        for place, layer in enumerate(self.down):
            h = layer(F.avg_pool2d(h, 2) if place else h)
            kept.append(h)
        h = kept.pop() + self.told(condition)[:, :, None, None]
        for layer in self.up:
            h = layer(torch.cat([F.interpolate(h, scale_factor=2.0), kept.pop()], dim=1))
        return h


def _pair(a: int, b: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(a, b, 3, padding=1, padding_mode="circular"), nn.GELU(),
        nn.Conv2d(b, b, 3, padding=1, padding_mode="circular"), nn.GELU(),
    )  # fmt: skip


def colours(labels: Tensor) -> Tensor:
    """A colour 0 to 15 for each pixel of ``labels (H, W)``, bubble by bubble.

    Greedily in the order of names: the colour that is rarest among neighbours and their
    neighbours, the first of equals.
    """
    field = labels.cpu().numpy().astype(np.int64)
    number = int(field.max()) + 1
    touch = np.zeros((number, number), np.float32)
    for axis in (0, 1):
        other = np.roll(field, -1, axis)
        touch[field, other] = touch[other, field] = 1.0
    table = _in_turn(touch @ touch + touch > 0, COLOURS)
    return torch.from_numpy(table[field])


@njit(cache=True)
def _in_turn(near, colours):
    """A colour ``(N,)`` for each bubble in the order of names: that which is rarest among those
    before it that are ``near (N, N)``, the first of equals."""
    number = len(near)
    table = np.empty(number, np.int64)
    for bubble in range(number):
        count = np.zeros(colours, np.int64)
        for other in range(bubble):
            if near[bubble, other]:
                count[table[other]] += 1
        table[bubble] = np.argmin(count)
    return table
