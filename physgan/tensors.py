"""What regularisers and objectives do to a nested TensorDict, leaf by leaf.

Only floating leaves are differentiable; integers and masks (templates, atom masks) travel along.
"""

from __future__ import annotations

from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor


def float_leaves(td: TensorDict) -> dict[Any, Tensor]:
    """The floating leaves of a nested TensorDict by (nested) key, each ``(B, ...)``."""
    items: Any = td.items(include_nested=True, leaves_only=True)
    return {key: leaf for key, leaf in items if leaf.is_floating_point()}


def full_precision(leaf: Tensor) -> Tensor:
    """A half-precision tensor as float32; every other tensor as it is."""
    return leaf.float() if leaf.dtype in (torch.float16, torch.bfloat16) else leaf


def lerp(real: TensorDict, fake: TensorDict, eps: Tensor) -> TensorDict:
    """``eps * real + (1 - eps) * fake`` with one ``eps (B,)`` per sample over all floating leaves.

    Other leaves, and the precision, are those of ``real``.
    """

    def mix(a: Tensor, b: Tensor) -> Tensor:
        if not a.is_floating_point():
            return a
        weight = eps.to(a.dtype).reshape(-1, *[1] * (a.ndim - 1))
        return weight * a + (1 - weight) * b.to(a.dtype)

    return real.apply(mix, fake)  # type: ignore[return-value]


def per_sample_square_norm(td: TensorDict) -> Tensor:
    """Squared Euclidean norm of each sample ``(B,)`` over all floating leaves, in fp32 or above."""
    rows = [full_precision(leaf).reshape(len(leaf), -1) for leaf in float_leaves(td).values()]
    return torch.stack([row.square().sum(1) for row in rows]).sum(0)


def detach_requires_grad(td: TensorDict) -> TensorDict:
    """A copy off the graph, in fp32 or above, whose floating leaves ask for a gradient."""

    def leaf(value: Tensor) -> Tensor:
        value = value.detach()
        return full_precision(value).requires_grad_() if value.is_floating_point() else value

    return td.apply(leaf)  # type: ignore[return-value]


def keep_rows(chosen: Tensor, x: TensorDict, y: TensorDict) -> TensorDict:
    """The rows of ``x`` where ``chosen (B,)`` holds, of ``y`` elsewhere, leaf by leaf."""

    def pick(a: Tensor, b: Tensor) -> Tensor:
        return torch.where(chosen.reshape(-1, *[1] * (a.ndim - 1)), a, b)

    return x.apply(pick, y)  # type: ignore[return-value]
