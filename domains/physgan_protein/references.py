"""What edits are counted from: the consensus, or a training sequence nearby."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from tensordict import TensorDict
from torch import Tensor

from physgan_protein import alphabet

if TYPE_CHECKING:
    from physgan_protein.domain import ProteinDomain

CHUNK = 512


def consensus(sequences: Sequence[str]) -> Tensor:
    """The commonest residue at each position of sequences of one length, tokens ``(L,)``."""
    tokens = torch.from_numpy(alphabet.encode(sequences, len(sequences[0])))
    return alphabet.one_hot(tokens).sum(dim=0).argmax(dim=1)


def hamming(a: Tensor, b: Tensor) -> Tensor:
    """Positions at which tokens ``a (n, L)`` and ``b (m, L)`` differ, ``(n, m)``."""
    same = alphabet.one_hot(a).flatten(1) @ alphabet.one_hot(b).flatten(1).T
    return a.shape[1] - same.round().long()


def references_for(domain: ProteinDomain, tokens: Tensor) -> tuple[TensorDict, Tensor]:
    """The reference ``(n, L)`` of each training row, as what is given, and which rows may stay.

    Empty and all rows where the domain does not edit. From the pool of the domain a row gets, at
    random but always the same, one of the others within its budget, or else the nearest. Rows
    that differ from the first of the pool at a fixed position may not stay.
    """
    size = len(tokens)
    if not len(domain.pool):
        return TensorDict({}, [size]), torch.ones(size, dtype=torch.bool)
    pool, fixed = domain.pool.long(), domain.fixed_mask()
    kept = (tokens[:, fixed] == pool[0, fixed]).all(dim=1)
    chosen = torch.zeros(size, dtype=torch.long)
    if len(pool) > 1:
        dice = torch.Generator().manual_seed(0)
        parts = [_near(part, pool, domain.budget, dice) for part in tokens.split(CHUNK)]
        chosen = torch.cat(parts)
    return TensorDict({"reference": pool[chosen]}, [size]), kept


def _near(tokens: Tensor, pool: Tensor, budget: int, dice: torch.Generator) -> Tensor:
    """Rows ``(n,)`` of ``pool`` near ``tokens`` but not equal to them."""
    distance = hamming(tokens, pool)
    distance = distance.masked_fill(distance == 0, pool.shape[1] + 1)
    nearest = distance.argmin(dim=1)
    lots = torch.rand(distance.shape, generator=dice).masked_fill(distance > budget, -1.0)
    best = lots.max(dim=1)
    return torch.where(best.values >= 0, best.indices, nearest)
