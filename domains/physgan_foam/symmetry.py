"""Turns, mirror images and shifts of a torus: foams coarsen alike in all of them, networks nearly.

A pass in a form drawn at random has no preferred direction on average, and what differs between
draws is what the network does not know.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from physgan_foam.offsets import OFFSETS


class Symmetry(NamedTuple):
    """Mirror the columns or not, turn by ``quarter`` right angles, shift by ``down``, ``right``."""

    mirror: bool
    quarter: int
    down: int
    right: int

    def apply(self, field: Tensor) -> Tensor:
        """``field (..., H, W)`` in this form."""
        if self.mirror:
            field = field.flip(-1)
        turned = field.rot90(self.quarter, dims=(-2, -1))
        return turned.roll((self.down, self.right), dims=(-2, -1)).contiguous()

    def undo(self, field: Tensor) -> Tensor:
        """The ``field (..., H, W)`` of which this is the form."""
        turned = field.roll((-self.down, -self.right), dims=(-2, -1))
        turned = turned.rot90(-self.quarter, dims=(-2, -1))
        return (turned.flip(-1) if self.mirror else turned).contiguous()

    def undo_array(self, field: NDArray) -> NDArray:
        """``undo`` of an array ``(H, W, ...)``."""
        turned = np.rot90(np.roll(field, (-self.down, -self.right), (0, 1)), -self.quarter, (0, 1))
        return np.ascontiguousarray(turned[:, ::-1] if self.mirror else turned)

    def direction(self, dy: int, dx: int) -> tuple[int, int]:
        """Where the step from a pixel to the one ``(dy, dx)`` from it leads in this form."""
        if self.mirror:
            dx = -dx
        for _ in range(self.quarter % 4):
            dy, dx = -dx, dy
        return dy, dx

    def offsets(self) -> list[int]:
        """Where each of OFFSETS stands among them once it is in this form."""
        return [OFFSETS.index(self.direction(dy, dx)) for dy, dx in OFFSETS]


def draw(rows: int, height: int, width: int, generator: torch.Generator | None = None) -> Tensor:
    """Symmetries ``(rows, 4)`` as integers; a box that is no square is turned by half turns."""
    half = 1 if height == width else 2
    most = torch.tensor([2, 4 // half, height, width])
    drawn = (torch.rand(rows, 4, generator=generator) * most).long()
    return drawn * torch.tensor([1, half, 1, 1])


def read(row: Tensor, block: int = 1) -> Symmetry:
    """The symmetry in ``row (4,)``, for a grid of squares of ``block`` pixels."""
    mirror, quarter, down, right = row.tolist()
    return Symmetry(bool(mirror), quarter, down // block, right // block)
