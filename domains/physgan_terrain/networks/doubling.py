"""From one level of the pyramid to the next finer one."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from physgan_terrain.networks.windows import BLUR, Span


def doubled(x: Tensor, held: tuple[Span, Span], wanted: tuple[Span, Span]) -> Tensor:
    """``x`` at the spans ``held`` of one level as the spans ``wanted`` of the next finer one:
    every cell twice, then the 3 x 3 binomial blur."""
    # Bilinear weights, 1/4 and 3/4, are those of this blur; the cells at the rim, which are not,
    # are never wanted.
    x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    (rows, columns), (down, right) = held, wanted
    top, left = down.low - 2 * rows.low, right.low - 2 * columns.low
    assert min(top, left) >= BLUR
    return x[:, :, top : top + len(down), left : left + len(right)]
