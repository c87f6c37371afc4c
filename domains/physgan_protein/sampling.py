"""Discrete choices with gradients: residues, lengths, and which positions are edited.

Forward they are exact samples; backward they are their relaxations at temperature tau, the
straight-through Gumbel-softmax (Jang et al., 1611.01144; Maddison et al., 1611.00712).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from physgan_protein.alphabet import PAD, TOKENS

FORBIDDEN = -1e9


def choose(logits: Tensor, tau: Tensor | float) -> Tensor:
    """A sample of the categorical ``logits (..., V)`` as one-hots."""
    noise = torch.rand(logits.shape, dtype=logits.dtype, device=logits.device)
    score = logits - noise.clamp_(min=1e-20).log_().neg_().log_()
    hard = torch.zeros_like(noise).scatter_(-1, score.detach().argmax(dim=-1, keepdim=True), 1.0)
    if not score.requires_grad:
        return hard
    soft = (score / tau).softmax(dim=-1)
    return hard + (soft - soft.detach())


def inside(length: Tensor) -> Tensor:
    """The mask ``(B, L)`` of positions before the end, of lengths 1 to L as one-hots ``(B, L)``;
    gradients reach ``length``."""
    return 1 - length.cumsum(dim=1) + length


def padded(residues: Tensor, mask: Tensor) -> Tensor:
    """``residues (B, L, 21)`` inside ``mask (B, L)`` and PAD outside."""
    end = F.one_hot(torch.tensor(PAD, device=residues.device), TOKENS).to(residues.dtype)
    inner = mask.unsqueeze(-1)
    return inner * residues + (1 - inner) * end


def no_padding(logits: Tensor) -> Tensor:
    """``logits (..., 21)`` under which PAD is never chosen."""
    banned = torch.zeros(TOKENS, dtype=torch.bool, device=logits.device)
    banned[PAD] = True
    return logits.masked_fill(banned, FORBIDDEN)


def edits(logits: Tensor, free: Tensor, budget: int, tau: Tensor | float) -> Tensor:
    """Which positions are edited: samples of Bernoulli ``logits (B, L)`` as zeros and ones.

    Only where ``free (L,)`` or ``(B, L)``, and at most ``budget`` a row: of more, those stay whose
    perturbed logits are highest. The budget therefore holds exactly.
    """
    u = torch.rand_like(logits).clamp(1e-7, 1 - 1e-7)
    score = (logits + u.log() - (1 - u).log()).masked_fill(~free, FORBIDDEN)
    soft = torch.sigmoid(score / tau)
    rank = score.argsort(dim=1, descending=True).argsort(dim=1)
    hard = ((score > 0) & (rank < budget)).to(logits.dtype)
    return hard + (soft - soft.detach()) if soft.requires_grad else hard
