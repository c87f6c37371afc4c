"""Plateau's law: films meet by threes at 120 degrees (Plateau 1873; Taylor 1976)."""

from __future__ import annotations

import torch
from tensordict import TensorDict
from torch import Tensor

from physgan_foam import pointer

SIGMA = 1.5
"""Width in pixels of the Gaussian under which label fields are smoothed."""
RADIUS = 5
RING = 2.0
"""The ring is heaviest at sqrt(2) times so many pixels."""
COVERED = 0.9
"""Junctions with more of other labels than the rest are too near to another."""
JUNCTIONS = 384
"""Most junctions of a sample that are looked at."""


class PlateauLaw:
    """Root mean square distance of the angles at junctions from 120 degrees, in degrees.

    A junction is where the smoothed shares of three labels are equal. The angle of a label is its
    share of a soft ring of some 3 pixels around that point, times 360. The ring also sees films
    bend and pixels: of solver's foams on pixels some ten degrees remain.
    """

    def __call__(self, prediction: TensorDict, context: TensorDict) -> Tensor:
        names, shares = pointer.soft_labels(prediction["logits"], prediction["around"])
        return plateau_residual(names, shares)


def plateau_residual(names: Tensor, shares: Tensor) -> Tensor:
    """The residual ``(B,)`` in degrees of soft labels ``(B, K, H, W)`` and their shares;
    differentiable in the shares. 0 without junctions."""
    corner, three, found = junctions(names[:, 0])
    angle, covered = angles(_patches(names, shares, corner, three))
    weight = found * (covered.detach() > COVERED)
    square = (angle - 120).square().mean(-1)
    mean = (weight * square).sum(1) / weight.sum(1).clamp(min=1)
    # a root has no slope at 0
    return (mean + 1e-6).sqrt() - 1e-3


def angles(fields: Tensor) -> tuple[Tensor, Tensor]:
    """Angles in degrees ``(B, J, 3)`` of the three labels in patches ``(B, J, 3, P)``, and how
    much of the ring they cover ``(B, J)``."""
    with torch.no_grad():
        place = _centre(fields)
        square = (_grid(fields) - place[:, :, None]).square().sum(-1)
        ring = square * torch.exp(-square / (2 * RING**2))
        ring = ring / ring.sum(-1, keepdim=True)
    part = torch.einsum("bjcp,bjp->bjc", fields, ring)
    covered = part.sum(-1)
    return 360 * part / covered.clamp(min=1e-6)[..., None], covered


def junctions(labels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Corners of pixels where three labels of ``(B, H, W)`` meet, at most JUNCTIONS a row.

    Positions ``(B, J)`` in the flat field of the pixel above and left, the labels ``(B, J, 3)``,
    and which are junctions ``(B, J)``; the number J does not depend on the data.
    """
    right, below = labels.roll(-1, 2), labels.roll(-1, 1)
    across = right.roll(-1, 1)
    second = torch.where(right != labels, right, below)
    third = labels
    for other in (right, below, across):
        third = torch.where((other != labels) & (other != second), other, third)
    is_one = (second != labels) & (third != labels) & (third != second)
    # scattered by a fixed stride, so that a crowded corner of the box is not taken first
    size = labels[0].numel()
    order = (torch.arange(size, device=labels.device) * 7919) % size
    rank = is_one.flatten(1) * (1.0 + order / size)
    value, corner = rank.topk(min(JUNCTIONS, size), dim=1)
    three = torch.stack([field.flatten(1) for field in (labels, second, third)], dim=-1)
    picked = three.gather(1, corner[..., None].expand(-1, -1, 3))
    return corner, picked, value > 0


def _patches(names: Tensor, shares: Tensor, corner: Tensor, three: Tensor) -> Tensor:
    """Shares of the three labels ``(B, J, 3, P)`` at the pixels around each corner."""
    slots, height, width = names.shape[1:]
    span = torch.arange(1 - RADIUS, RADIUS + 1, device=names.device)
    y = (corner[..., None] // width + span) % height
    x = (corner[..., None] % width + span) % width
    flat = (y[..., :, None] * width + x[..., None, :]).flatten(2)
    fields = torch.zeros(*three.shape, flat.shape[-1], device=shares.device)
    for slot in range(slots):
        at = flat.flatten(1)
        name = names[:, slot].flatten(1).gather(1, at).view(flat.shape)
        share = shares[:, slot].flatten(1).gather(1, at).view(flat.shape)
        fields = fields + torch.where(name[:, :, None] == three[..., None], share[:, :, None], 0.0)
    return fields


def _smoothed(fields: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
    """Smoothed shares ``(B, J, 3)`` and their gradients ``(B, J, 3, 2)`` at ``place (B, J, 2)``,
    in pixels from the corner, y and x."""
    away = _grid(fields) - place[:, :, None]
    kernel = torch.exp(-away.square().sum(-1) / (2 * SIGMA**2))
    kernel = kernel / kernel.sum(-1, keepdim=True)
    share = (fields * kernel[:, :, None]).sum(-1)
    slope = torch.einsum("bjcp,bjp,bjpd->bjcd", fields, kernel, away) / SIGMA**2
    pull = torch.einsum("bjp,bjpd->bjd", kernel, away) / SIGMA**2
    return share, slope - share[..., None] * pull[:, :, None]


def _grid(fields: Tensor) -> Tensor:
    """Centres of the pixels of a patch from its corner, ``(P, 2)``, y and x."""
    span = torch.arange(1 - RADIUS, RADIUS + 1, device=fields.device) - 0.5
    return torch.stack(torch.meshgrid(span, span, indexing="ij"), -1).flatten(0, 1)


def _centre(fields: Tensor, rounds: int = 4) -> Tensor:
    """Where the three smoothed shares are equal, ``(B, J, 2)``, by Newton's method."""
    place = fields.new_zeros(*fields.shape[:2], 2)
    for _ in range(rounds):
        share, slope = _smoothed(fields, place)
        gap = torch.stack([share[..., 0] - share[..., 1], share[..., 1] - share[..., 2]], -1)
        a, b = slope[:, :, 0] - slope[:, :, 1], slope[:, :, 1] - slope[:, :, 2]
        det = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
        det = torch.where(det.abs() < 1e-4, torch.full_like(det, 1e-4), det)
        dy = (gap[..., 0] * b[..., 1] - gap[..., 1] * a[..., 1]) / det
        dx = (gap[..., 1] * a[..., 0] - gap[..., 0] * b[..., 0]) / det
        place = (place - torch.stack([dy, dx], -1).clamp(-1, 1)).clamp(-3, 3)
    return place
