"""Stacks of heightmaps as the measures take them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from physgan.errors import InputError


def as_stack(z: ArrayLike, smallest: int = 3) -> NDArray[np.float64]:
    """``z (H, W)`` or ``(N, H, W)`` in metres as float64 ``(N, H, W)``.

    Raises InputError for another number of axes, for sides below ``smallest`` cells and for
    heights that are not finite.
    """
    stack = np.asarray(z, dtype=np.float64)
    if stack.ndim == 2:
        stack = stack[None]
    if stack.ndim != 3 or min(stack.shape[1:]) < smallest:
        raise InputError(
            f"heights of shape {np.shape(z)}",
            fix=f"(H, W) or (N, H, W) with sides of at least {smallest} cells",
        )
    if not np.isfinite(stack).all():
        raise InputError("some heights are not finite", fix="fill or leave out the holes first")
    return stack


def rounded(z: ArrayLike, step: float | None) -> NDArray[np.float64]:
    """Heights rounded to whole steps of ``step`` metres; None leaves them as they are.

    A survey stored in half metres and a generator in float32 differ in their last digits; pits,
    flats and curvature of plains would tell them apart by nothing else.
    """
    stack = as_stack(z)
    return stack if step is None else np.round(stack / step) * step
