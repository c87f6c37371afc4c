"""Fields of probabilities over neighbours: areas, likelihoods and soft labels that they mean.

A pixel x takes the label of x + o with probability p_o(x). A label l then has the share
s_l(x) = sum over o of p_o(x) [L(x + o) = l] there; shares sum to one, so areas to the box: no
weights of any network make or lose area, or a bubble that was not there.
"""

from __future__ import annotations

import torch
from torch import Tensor

from physgan_foam.offsets import OFFSETS

NEAR = 25
"""So many first offsets lie within 3 pixels."""
CLOSED = -1e4
"""Logarithm of no probability."""


def soft_areas(p: Tensor, labels: Tensor, bubbles: int) -> Tensor:
    """Areas ``(B, bubbles)`` in pixels under ``p (B, 49, H, W)`` from ``labels (B, H, W)``.

    A pixel's label gets what others point at the pixel: one scatter for all offsets.
    """
    taken = torch.zeros_like(p[:, 0])
    # unbound at once: the gradient of 49 slices would be 49 fields as large as p
    for part, offset in zip(p.unbind(1), OFFSETS, strict=True):
        taken = taken + part.roll(offset, dims=(1, 2))
    return tally(labels, taken, bubbles)


def tally(labels: Tensor, weight: Tensor, bubbles: int) -> Tensor:
    """The sum of ``weight (B, ...)`` over the pixels of each label, ``(B, bubbles)``."""
    rows = torch.arange(len(labels), device=labels.device)[:, None]
    flat = labels.flatten(1).long() + bubbles * rows
    total = weight.new_zeros(len(labels) * bubbles)
    return total.index_add(0, flat.flatten(), weight.flatten()).view(-1, bubbles)


def areas(labels: Tensor, bubbles: int) -> Tensor:
    """Pixels of each label, ``(B, bubbles)`` float."""
    return tally(labels, torch.ones_like(labels, dtype=torch.float32), bubbles)


def negative_log_likelihood(logits: Tensor, around: Tensor, target: Tensor) -> tuple[Tensor, ...]:
    """-log s_l(x) for l = ``target (B, H, W)``, and where that label is in reach, ``(B, H, W)``
    each; ``around (B, 49, H, W)`` are the labels pointed at."""
    hit = around == target[:, None]
    chosen = torch.where(hit, logits, CLOSED).logsumexp(dim=1)
    return logits.logsumexp(dim=1) - chosen, hit.any(dim=1)


def mixed(around: Tensor) -> Tensor:
    """Pixels ``(B, H, W)`` with more than one label in reach; only these can change."""
    return (around[:, 1:] != around[:, :1]).any(dim=1)


def crowded(around: Tensor) -> Tensor:
    """Pixels ``(B, H, W)`` with three labels or more within 3 pixels: junctions."""
    own, near = around[:, :1], around[:, 1:NEAR]
    other = near != own
    least = torch.where(other, near, torch.iinfo(around.dtype).max).amin(dim=1)
    most = torch.where(other, near, -1).amax(dim=1)
    return (least != most) & (most >= 0)


def label_scores(p: Tensor, around: Tensor) -> Tensor:
    """``s_l(x)`` of the label that each offset points at, ``(B, 49, H, W)``."""
    parts = zip(p.unbind(1), around.unbind(1), strict=True)
    each = [torch.where(around == name[:, None], part[:, None], 0.0) for part, name in parts]
    return torch.stack(each).sum(0)


def soft_labels(logits: Tensor, around: Tensor, most: int = 4) -> tuple[Tensor, Tensor]:
    """The ``most`` strongest labels of each pixel and their shares, ``(B, most, H, W)`` each.

    By rounds: the label of the likeliest offset left takes the mass of all that point at it. An
    empty round names label -1 with share 0. Differentiable in ``logits``.
    """
    p = logits.softmax(dim=1)
    left, names, shares = p.detach(), [], []
    for _ in range(most):
        best, place = left.max(dim=1, keepdim=True)
        label = around.gather(1, place)
        same = (around == label) & (left > 0)
        shares.append(torch.where(same, p, 0.0).sum(dim=1))
        names.append(torch.where(best > 0, label, -1)[:, 0])
        left = torch.where(same, 0.0, left)
    return torch.stack(names, dim=1), torch.stack(shares, dim=1)


def agreement(names: Tensor, shares: Tensor, dy: int, dx: int) -> Tensor:
    """Probability ``(B, H, W)`` that x and x + (dy, dx) have the same label, of soft labels
    ``(B, K, H, W)`` of both kinds."""
    there, weight = (field.roll((-dy, -dx), dims=(2, 3)) for field in (names, shares))
    total = torch.zeros_like(shares[:, 0])
    for k in range(names.shape[1]):
        same = names == there[:, k, None]
        total = total + torch.where(same, shares * weight[:, k, None], 0.0).sum(dim=1)
    return total
