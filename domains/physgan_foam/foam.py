"""A foam at one instant, as people hold it: whose pixel each pixel is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from physgan_foam.labels import areas


@dataclass(frozen=True, eq=False)
class Foam:
    """``labels (H, W)`` int32 on a torus, made of squares of ``block`` pixels a side."""

    labels: NDArray[np.int32]
    block: int = 1

    @property
    def grid(self) -> NDArray[np.int32]:
        """One pixel per square, ``(H / block, W / block)``."""
        return np.ascontiguousarray(self.labels[:: self.block, :: self.block])

    @property
    def bubbles(self) -> int:
        """How many bubbles there are."""
        return int(np.count_nonzero(areas(self.grid)))

    @property
    def mean_area(self) -> float:
        """Pixels a bubble."""
        return self.labels.size / self.bubbles
