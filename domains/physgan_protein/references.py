"""What edits are counted from: the consensus, or a training sequence nearby."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from tensordict import TensorDict
from torch import Tensor

from physgan.errors import InputError
from physgan_protein import alphabet

if TYPE_CHECKING:
    from physgan_protein.domain import ProteinDomain

CHUNK = 512


def consensus(sequences: Sequence[str]) -> Tensor:
    """The commonest residue at each position of sequences of one length, tokens ``(L,)``."""
    tokens = torch.from_numpy(alphabet.encode(sequences, len(sequences[0])))
    return alphabet.one_hot(tokens).sum(dim=0).argmax(dim=1)


def reference_pool(
    domain: ProteinDomain, sequences: Sequence[str], lengths: Sequence[int]
) -> Tensor:
    """The tokens ``(m, L)`` that edits are counted from: the consensus, or the ``sequences`` that
    have its residues at the domain's fixed positions. InputError for several ``lengths``."""
    if len(lengths) > 1:
        raise InputError(
            f"edits need sequences of one length, these have {lengths[0]} to {lengths[-1]}",
            fix="set domain.edit=none, or align the sequences",
        )
    if domain.fixed and domain.fixed[-1] > lengths[0]:
        raise InputError(f"position {domain.fixed[-1]} of {lengths[0]} cannot be fixed")
    common = consensus(sequences)
    if domain.edit != "rows":
        return common[None].to(torch.uint8)
    rows, mask = torch.from_numpy(alphabet.encode(sequences, lengths[0])), domain.fixed_mask()
    return rows[(rows[:, mask] == common[mask]).all(dim=1)].to(torch.uint8)


def hamming(a: Tensor, b: Tensor) -> Tensor:
    """Positions at which tokens ``a (n, L)`` and ``b (m, L)`` differ, ``(n, m)`` as floats."""
    return a.shape[1] - _flat(a) @ _flat(b).T


def _flat(tokens: Tensor) -> Tensor:
    return alphabet.one_hot(tokens).flatten(1)


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
        flat = _flat(pool)
        apart = (pool.shape[1] - _flat(part) @ flat.T for part in tokens.split(CHUNK))
        chosen = torch.cat([_near(distance, domain.budget, dice) for distance in apart])
    return TensorDict({"reference": pool[chosen]}, [size]), kept


def _near(distance: Tensor, budget: int, dice: torch.Generator) -> Tensor:
    """For each row of ``distance (n, m)`` a column that is near but not at 0, ``(n,)``."""
    distance = distance.masked_fill(distance == 0, torch.inf)
    nearest = distance.argmin(dim=1)
    lots = torch.rand(distance.shape, generator=dice).masked_fill(distance > budget, -1.0)
    best = lots.max(dim=1)
    return torch.where(best.values >= 0, best.indices, nearest)
