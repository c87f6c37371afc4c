"""DiffAugment for 2-D fields: every floating leaf ``(B, C, H, W)`` (Zhao et al., 2006.10738)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

import torch
from tensordict import TensorDict
from torch import Tensor

from physgan.errors import InputError
from physgan.regularizers.augmentation import Augmentation, Transform

Name = Literal["brightness", "saturation", "contrast", "translation", "cutout"]
Policy = tuple[Name, ...]
ALL: Policy = ("brightness", "saturation", "contrast", "translation", "cutout")
Operation = Callable[[Tensor, Tensor], Tensor]
"""A field ``(B, C, H, W)`` and numbers u ``(B, 2)`` in [0, 1) to the changed field."""


def brightness(field: Tensor, u: Tensor) -> Tensor:
    """Every pixel of a sample moved by the same U(-1/2, 1/2)."""
    return field + (_per_sample(u) - 0.5)


def saturation(field: Tensor, u: Tensor) -> Tensor:
    """Distances from the channels' mean at each pixel times U(0, 2); nothing for one channel."""
    mean = field.mean(dim=1, keepdim=True)
    return mean + (field - mean) * (2 * _per_sample(u))


def contrast(field: Tensor, u: Tensor) -> Tensor:
    """Distances from a sample's mean times U(1/2, 3/2)."""
    mean = field.mean(dim=(1, 2, 3), keepdim=True)
    return mean + (field - mean) * (0.5 + _per_sample(u))


def translation(field: Tensor, u: Tensor, ratio: float = 1 / 8) -> Tensor:
    """Moved by up to ``ratio`` of height and width; zeros come in."""
    sides = zip(u.T, field.shape[-2:], strict=True)
    (rows, in_rows), (columns, in_columns) = (_moved(v, n, int(n * ratio + 0.5)) for v, n in sides)
    batch = torch.arange(len(field), device=field.device)[:, None, None]
    moved = field.movedim(1, -1)[batch, rows[:, :, None], columns[:, None, :]].movedim(-1, 1)
    inside = in_rows[:, None, :, None] & in_columns[:, None, None, :]
    return torch.where(inside, moved, torch.zeros_like(moved))


def cutout(field: Tensor, u: Tensor, ratio: float = 1 / 2) -> Tensor:
    """A window of ``ratio`` of height and width set to zero, wherever its centre falls."""
    sides = zip(u.T, field.shape[-2:], strict=True)
    rows, columns = (_window(v, n, int(n * ratio + 0.5)) for v, n in sides)
    hole = rows[:, None, :, None] & columns[:, None, None, :]
    return torch.where(hole, torch.zeros_like(field), field)


OPERATIONS: dict[str, Operation] = {
    "brightness": brightness,
    "saturation": saturation,
    "contrast": contrast,
    "translation": translation,
    "cutout": cutout,
}


class DiffAugment(Augmentation):
    """The operations of ``policy`` in turn; leaves of another shape stay as they are.

    Brightness and contrast are meant for values of order one, which is what a critic's
    ``prepare`` gives. InputError where x has no field at all.
    """

    def __init__(
        self,
        policy: tuple[Name, ...] = (
            "brightness",
            "saturation",
            "contrast",
            "translation",
            "cutout",
        ),
        adaptive: bool = False,
        target: float = 0.6,
        images: int = 500_000,
        interval: int = 4,
    ) -> None:
        super().__init__(adaptive=adaptive, target=target, images=images, interval=interval)
        self.policy = policy

    def transforms(self) -> Sequence[Transform]:
        return [_on_fields(OPERATIONS[name]) for name in self.policy]

    def forward(self, x: TensorDict) -> TensorDict:
        leaves: Any = x.values(include_nested=True, leaves_only=True)
        if not any(_is_field(leaf) for leaf in leaves):
            raise InputError(
                "diffaugment found no field (B, C, H, W)",
                fix=f"set {self.key}=domain, for domains that offer one",
            )
        return super().forward(x)


def _on_fields(operation: Operation) -> Transform:
    """``operation`` with one draw per sample, shared by its fields so that they stay aligned."""

    def apply(x: TensorDict) -> TensorDict:
        leaves: Any = x.values(include_nested=True, leaves_only=True)
        fields = [leaf for leaf in leaves if _is_field(leaf)]
        u = torch.rand(len(fields[0]), 2, device=fields[0].device)
        return x.apply(lambda leaf: operation(leaf, u) if _is_field(leaf) else leaf)  # type: ignore[return-value]

    return apply


def _is_field(leaf: Tensor) -> bool:
    return leaf.ndim == 4 and leaf.is_floating_point()


def _per_sample(u: Tensor) -> Tensor:
    return u[:, 0, None, None, None]


def _moved(u: Tensor, size: int, most: int) -> tuple[Tensor, Tensor]:
    """Where each place ``(B, size)`` comes from, and whether that is inside."""
    shift = (u * (2 * most + 1)).long() - most
    place = torch.arange(size, device=u.device) - shift[:, None]
    return place.clamp(0, size - 1), (place >= 0) & (place < size)


def _window(u: Tensor, size: int, length: int) -> Tensor:
    """Which places ``(B, size)`` lie in a window of ``length`` about a random centre."""
    centre = (u * (size + 1 - length % 2)).long()
    away = torch.arange(size, device=u.device) - (centre - length // 2)[:, None]
    return (away >= 0) & (away < length)
