"""Where each depression spills: the priority flood as a choice of cells, which passes gradients.

The filled level of a cell is the height of one cell, its own or that of the outlet which holds the
water over it, ``F(a) = z(s(a))``. Away from ties ``s`` is locally constant, so the gradient of
``F`` is that of a gather.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import repeat

import numpy as np
import torch
from torch import Tensor

from physgan_terrain.slope.fill import flood


def filled(height: Tensor) -> Tensor:
    """``height (B, 1, H, W)`` with every depression filled to its outlet, the border staying as it
    is (Barnes, Lehman and Mulla, Comput. Geosci. 62, 117, 2014); differentiable."""
    # A copy: the flood raises what it is given.
    z = height.detach().cpu().numpy()[:, 0].copy()
    source = np.empty(z.shape, dtype=np.int64)
    threads = max(1, min(torch.get_num_threads(), len(z)))
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(flood, z, repeat(0.0), source))
    index = torch.from_numpy(source).to(height.device).flatten(1)
    return height.flatten(1).gather(1, index).view_as(height)
