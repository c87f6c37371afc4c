"""Periodic neighbour graphs of a padded batch of crystals, without a loop over crystals.

Every pair (i, j) is first brought to the image with fractional difference in [-1/2, 1/2]. A
neighbour within ``cutoff`` then lies at most ``floor(cutoff / h_k + 1/2)`` cells away along axis k,
where ``h_k = 1 / |b_k|`` is the distance of the lattice planes (b_k: reciprocal vectors), which
holds for skew cells as well. The search runs without gradient; the edge vectors are computed
again from ``frac`` and ``cell``, so that they are differentiable in both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

ENTRIES = 4_000_000  # distances held at once by the search, 16 MB in float32
SLACK = 1.25


@dataclass(frozen=True)
class Edges:
    """Directed edges ``source -> target`` between atoms numbered in the flattened ``(B*N,)``.

    ``vector (E, 3)`` leads from the target to the image of the source, ``distance (E,)`` is its
    length and ``cutoff (E,)`` the radius at which the target stops to see, all in Angstrom;
    ``shift (E, 3)`` holds the whole cells between the stored source and that image, as floats.
    """

    source: Tensor
    target: Tensor
    shift: Tensor
    vector: Tensor
    distance: Tensor
    cutoff: Tensor

    def __len__(self) -> int:
        return int(self.source.shape[0])


def neighbours(
    frac: Tensor,
    cell: Tensor,
    mask: Tensor,
    cutoff: float,
    *,
    nearest: int | None = None,
    max_images: int = 8,
) -> Edges:
    """Edges between all atoms (own images included) that are nearer than ``cutoff`` Angstrom.

    ``frac (B, N, 3)``, ``cell (B, 3, 3)`` with lattice vectors as rows in Angstrom,
    ``mask (B, N)``. With ``nearest = k`` the radius of each target shrinks to
    ``min(cutoff, 1.25 d_k)``, d_k being the distance of its k-th neighbour: a set that does not
    split shells of equal distances, and that changes continuously once edges are weighted by an
    envelope that is zero at ``Edges.cutoff``. ``max_images`` bounds the search along each axis;
    cells flatter than ``cutoff / (max_images + 1/2)`` lose their farthest images.
    """
    with torch.no_grad():
        found = list(_search(frac.detach(), cell.detach(), mask, cutoff, max_images))
        target, source, shift = (torch.cat(parts) for parts in zip(*found, strict=True))
    size = frac.shape[1]
    where = (frac @ cell).reshape(-1, 3)
    crystal = torch.div(target, size, rounding_mode="floor")
    move = torch.einsum("ek,ekl->el", shift, cell.index_select(0, crystal))
    vector = where.index_select(0, source) - where.index_select(0, target) + move
    # an atom exactly on another one has no direction; the floor keeps its gradient finite
    distance = vector.square().sum(-1).clamp_min(1e-12).sqrt()
    if nearest is None:
        radius = torch.full_like(distance, cutoff)
        return Edges(source, target, shift, vector, distance, radius)
    radius = _adaptive_radius(target, distance, nearest, cutoff, frac.shape[0] * size)
    keep = (distance.detach() < radius.detach()).nonzero()[:, 0]
    parts = (source, target, shift, vector, distance, radius)
    return Edges(*(part.index_select(0, keep) for part in parts))


def envelope(ratio: Tensor, power: int = 6) -> Tensor:
    """Polynomial envelope u(d / cutoff), 1 at 0 and 0 from 1 on with two zero derivatives.

    Gasteiger, Gross, Guennemann, Directional Message Passing, ICLR 2020, equation 8.
    """
    p = power
    value = (
        1
        - (p + 1) * (p + 2) / 2 * ratio**p
        + p * (p + 2) * ratio ** (p + 1)
        - p * (p + 1) / 2 * ratio ** (p + 2)
    )
    return value * (ratio < 1)


def image_range(cell: Tensor, cutoff: float, max_images: int) -> Tensor:
    """Cells to search to either side along each axis, ``(B, 3)`` integers, for wrapped pairs."""
    a, b, c = cell.unbind(-2)
    normal = torch.stack(
        [torch.linalg.cross(b, c), torch.linalg.cross(c, a), torch.linalg.cross(a, b)], dim=-2
    )
    volume = (a * normal[:, 0]).sum(-1).abs()
    reach = cutoff * normal.norm(dim=-1) / volume[:, None] + 0.5
    # the margin covers the rounding of a quotient that is an integer
    reach = torch.nan_to_num(reach + 1e-4, nan=max_images, posinf=max_images)
    return reach.clamp(max=max_images).floor().long()


def _search(
    frac: Tensor, cell: Tensor, mask: Tensor, cutoff: float, max_images: int
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Target, source and shift by chunks of crystals that need about as many images each."""
    size = frac.shape[1]
    reach = image_range(cell, cutoff, max_images)
    need, order = (2 * reach + 1).prod(-1).sort(descending=True)
    start = 0
    while start < len(order):
        alike = int((2 * need > need[start]).sum())
        widest = int((2 * reach[order[start:alike]].amax(0) + 1).prod())
        rows = order[start : min(alike, start + max(1, ENTRIES // (size * size * widest)))]
        start += len(rows)
        spans = [torch.arange(-int(n), int(n) + 1, device=cell.device) for n in reach[rows].amax(0)]
        images = torch.cartesian_prod(*spans)
        part, whole = frac[rows], cell[rows]
        step = part[:, None, :, :] - part[:, :, None, :]
        wrap = -step.round()
        near = torch.einsum("bijk,bkl->lbij", step + wrap, whole).flatten(2).contiguous()
        move = torch.einsum("mk,bkl->lbm", images.to(frac.dtype), whole).contiguous()
        # by component: a product expansion of the square would lose digits
        square = sum(
            (n[:, :, None] + m[:, None, :]).square_() for n, m in zip(near, move, strict=True)
        )
        close = square < cutoff**2
        close &= (mask[rows][:, :, None] & mask[rows][:, None, :]).flatten(1)[:, :, None]
        itself = torch.arange(size, device=cell.device) * (size + 1)
        close[:, itself, len(images) // 2] = False
        hit = close.flatten().nonzero()[:, 0]
        pair = torch.div(hit, len(images), rounding_mode="floor")
        image = hit - pair * len(images)
        atom = torch.arange(size, device=cell.device)
        base = (rows * size)[:, None, None].expand(-1, size, size)
        target = (base + atom[:, None]).flatten().index_select(0, pair)
        source = (base + atom[None, :]).flatten().index_select(0, pair)
        shift = wrap.reshape(-1, 3).index_select(0, pair)
        yield target, source, shift + images.to(frac.dtype).index_select(0, image)


def _adaptive_radius(
    target: Tensor, distance: Tensor, nearest: int, cutoff: float, atoms: int
) -> Tensor:
    """Radius of each edge's target: 1.25 times its k-th distance, at most the cutoff."""
    detached = distance.detach()
    order = torch.argsort(detached)
    order = order[torch.argsort(target[order], stable=True)]
    count = torch.bincount(target, minlength=atoms)
    first = count.cumsum(0) - count
    full = count >= nearest
    kth = torch.full((atoms,), cutoff, dtype=distance.dtype, device=distance.device)
    edge = order[first[full] + nearest - 1]
    kth = kth.index_put((full.nonzero()[:, 0],), (SLACK * distance[edge]).clamp(max=cutoff))
    return kth.index_select(0, target)
