"""The exact slope limit: the mean of the lower and the upper Lipschitz envelope.

The largest surface below ``z`` whose neighbours differ by at most a step is
``min_y z(y) + d(x, y)`` (McShane, Bull. AMS 40, 837, 1934), the least one above it
``max_y z(y) - d(x, y)``. Their mean keeps the steps too, and no surface that keeps them is nearer
to ``z`` in its worst cell.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from physgan_terrain.slope.chamfer import lower_envelope, lower_envelope_with_sources
from physgan_terrain.slope.steps import TALLEST, WORST, check_heights, edge_steps, halo

__all__ = ["WORST", "SlopeProjection", "envelopes", "halo", "project"]


def envelopes(z: NDArray[Any], axis: float, diagonal: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """Largest surface below and least one above ``z (H, W)`` whose neighbours keep the steps.

    ``axis <= diagonal <= 2 axis`` are the largest steps to a side and to a corner. int64 for
    whole numbers, exactly; float64 for others.
    """
    whole = np.issubdtype(np.asarray(z).dtype, np.integer)
    number, kind = (int, np.int64) if whole else (float, np.float64)
    lower = np.array(z, dtype=kind, order="C")
    upper = -lower
    for surface in (lower, upper):
        lower_envelope(surface, number(axis), number(diagonal))
    return lower, np.negative(upper, out=upper)


def project(
    z: NDArray[Any], cell: float, max_slope: float, *, tallest: float = TALLEST
) -> NDArray[Any]:
    """The surface nearest to ``z (H, W)`` in its worst cell with no slope over the limit.

    ``z`` and ``cell`` in metres, ``max_slope`` in degrees (NaN or infinite: no limit). float64
    stays float64, all else becomes float32; the operators of Horn and of Zevenbergen and Thorne,
    evaluated in double precision on the result, are at most ``max_slope`` at every interior
    cell. ``tallest`` bounds the heights in m; a smaller one needs less margin for rounding.
    """
    z = check_heights(z, tallest)
    axis, diagonal = edge_steps(cell, max_slope, z.dtype, tallest)
    lower, upper = envelopes(z, float(axis), float(diagonal))
    lower += upper
    lower *= 0.5
    return lower.astype(z.dtype)


def _project_sample(
    z: NDArray[np.float64], sources: NDArray[np.int32] | None, axis: float, diagonal: float
) -> None:
    # in place: z (H, W), sources (2, H, W) of the lower and of the upper envelope
    upper = -z
    if sources is None:
        lower_envelope(z, axis, diagonal)
        lower_envelope(upper, axis, diagonal)
    else:
        lower_envelope_with_sources(z, sources[0], axis, diagonal)
        lower_envelope_with_sources(upper, sources[1], axis, diagonal)
    z -= upper
    z *= 0.5


class _Midpoint(torch.autograd.Function):
    """Mean of both envelopes of ``height (B, 1, H, W)``; each cell's gradient goes to its two
    source cells, half each."""

    @staticmethod
    def forward(
        ctx: Any,
        height: Tensor,
        axis: NDArray[np.float64],
        diagonal: NDArray[np.float64],
        wanted: bool,
    ) -> Tensor:
        z = np.array(height.detach().cpu().numpy()[:, 0], dtype=np.float64, order="C")
        samples, rows, columns = z.shape
        sources = np.empty((samples, 2, rows, columns), dtype=np.int32) if wanted else None

        def one(i: int) -> None:
            at = None if sources is None else sources[i]
            _project_sample(z[i], at, float(axis[i]), float(diagonal[i]))

        threads = min(torch.get_num_threads(), samples)
        if threads > 1:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(one, range(samples)))
        else:
            for i in range(samples):
                one(i)
        if sources is not None:
            ctx.save_for_backward(torch.from_numpy(sources).to(height.device))
        return torch.from_numpy(z)[:, None].to(device=height.device, dtype=height.dtype)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None, None, None]:
        (grad,) = grad_outputs
        (sources,) = ctx.saved_tensors
        samples, cells = len(grad), grad[0].numel()
        half = (0.5 * grad).reshape(samples, 1, cells).expand(-1, 2, -1).reshape(samples, -1)
        index = sources.long().view(samples, 2 * cells)
        total = torch.zeros_like(half[:, :cells])
        if grad.is_cuda:
            # accumulating by index is deterministic on a GPU, scattering is not
            row = torch.arange(samples, device=grad.device)[:, None].expand_as(index)
            total = total.index_put((row, index), half, accumulate=True)
        else:
            total = total.scatter_add(1, index, half)
        return total.view_as(grad), None, None, None


class SlopeProjection(nn.Module):
    """``project`` for batches, differentiable wherever the source cells are unique.

    The envelopes are computed on the CPU, samples in parallel on torch's threads.
    """

    def __init__(self, cell: float, tallest: float = TALLEST) -> None:
        super().__init__()
        self.cell, self.tallest = cell, tallest

    def forward(self, height: Tensor, max_slope: float | Tensor) -> Tensor:
        """Heights ``(B, 1, H, W)`` in metres with no slope over ``max_slope`` degrees.

        ``max_slope`` is one limit or ``(B,)``, and passes no gradient; samples whose limit is NaN
        or infinite pass unchanged. Half precision becomes float32, which the limit needs. The
        limit holds for heights within ``tallest`` m.
        """
        if height.dtype in (torch.float16, torch.bfloat16):
            height = height.float()
        limit = torch.as_tensor(max_slope).detach().cpu().double().numpy()
        dtype = np.float64 if height.dtype == torch.float64 else np.float32
        steps = edge_steps(self.cell, limit, dtype, self.tallest)
        axis, diagonal = (np.broadcast_to(step.reshape(-1), (len(height),)) for step in steps)
        wanted = torch.is_grad_enabled() and height.requires_grad
        return _Midpoint.apply(height, axis, diagonal, wanted)  # type: ignore[return-value]
