"""Sequences in which a small share of residues is another one, or in another place, for critics.

What is done to a row is, at every position, nothing with probability 1 - RATE and else one of some
involutions S, which are permutations of sequences. As an operator on distributions over sequences
it is a product of factors A = (1 - RATE) I + RATE mean(S). The mean of symmetric permutation
matrices has no eigenvalue under -1, so that A has none under 1 - 2 RATE > 0: A can be inverted,
and made sequences are distributed like real ones after the augmentation only if they were before
(the condition of Karras et al., 2006.06676, section 2.2, here without an adaptive p, and with one,
which makes RATE smaller). Nothing leaks.

Residues that BLOSUM62 (Henikoff & Henikoff, PNAS 89, 10915, 1992) calls similar are exchanged where
that leaves every figure alone that is asked of the sequence by a formula. Where no pair does, as
for charge and gravy together, neighbours inside the chain change places, which leaves its
composition alone.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from physgan.errors import InputError
from physgan_protein.alphabet import AMINO_ACIDS, PAD, TOKENS
from physgan_protein.peptides import scales
from physgan_protein.peptides.figures import TABLES

RATE = 0.2
"""Share of positions (of pairs of neighbours) that one of the involutions is done to; under 1/2."""
SIMILAR = (
    "AS", "RK", "RQ", "ND", "NH", "NS", "DE", "QE", "QK", "EK", "HY", "IL", "IM", "IV", "LM", "LV",
    "MV", "FW", "FY", "ST", "WY",
)  # fmt: skip
"""The pairs with a positive score in BLOSUM62."""
FIGURES: dict[str, tuple[Tensor, ...]] = {
    "length": (),
    "charge": (scales.PK_POSITIVE, scales.PK_NEGATIVE),
    "isoelectric_point": (scales.PK_POSITIVE, scales.PK_NEGATIVE),
    "gravy": (scales.HYDROPATHY,),
    "hydrophobic_moment": (scales.EISENBERG,),
    "aliphatic_index": (scales.ALIPHATIC,),
    "mass": (scales.MASS,),
    **{name: (table,) for name, table in TABLES.items()},
}
"""By exact figure what it reads of a residue inside the chain."""
PLACES = {"hydrophobic_moment"}
"""Figures that also read where a residue is."""


def augmented(residues: Tensor, kept: Iterable[str], fixed: Tensor) -> Tensor:
    """``residues (B, L, 21)`` after random exchanges, drawn from torch's random state; linear in
    them, so that gradients pass, and one-hots stay one-hots.

    The exact figures called ``kept`` stay; so do positions in ``fixed (L,)``, the share of PAD of
    every position and, where a figure reads them, both ends. Raises InputError where nothing may
    change.
    """
    names = set(kept)
    maps = exchanges(names).to(residues.device)
    free = (~fixed.to(residues.device)).expand(residues.shape[:2])
    inner = free & _inside(residues)
    if len(maps):
        return _exchanged(residues, maps, inner if names - {"length"} else free)
    if names & PLACES:
        raise InputError(
            f"no exchange of residues keeps {', '.join(sorted(names))}",
            fix="learn fewer exact properties, or leave the augmentation out",
        )
    return _neighbours_moved(residues, inner)


def exchanges(kept: Iterable[str]) -> Tensor:
    """Involutions of the tokens, ``(M, 21)``: token t becomes ``[m, t]``; none where no similar
    pair has the same figures ``kept``.

    Every allowed pair is in one of them, and they are few: a greedy colouring of the pairs.
    """
    tables = [table for name in sorted(kept) for table in FIGURES[name]]
    found: list[Tensor] = []
    for pair in SIMILAR:
        a, b = (AMINO_ACIDS.index(letter) for letter in pair)
        if any(bool(table[a] != table[b]) for table in tables):
            continue
        room = next((m for m in found if m[a] == a and m[b] == b), None)
        if room is None:
            room = torch.arange(TOKENS)
            found.append(room)
        room[a], room[b] = b, a
    return torch.stack(found) if found else torch.zeros(0, TOKENS, dtype=torch.long)


def _exchanged(residues: Tensor, maps: Tensor, free: Tensor) -> Tensor:
    size = residues.shape[:2]
    which = torch.randint(len(maps), size, device=residues.device)
    chosen = free & (torch.rand(size, device=residues.device) < RATE)
    # An involution: what becomes t is what t becomes.
    changed = residues.gather(2, maps[which])
    return torch.where(chosen[..., None], changed, residues)


def _neighbours_moved(residues: Tensor, inner: Tensor) -> Tensor:
    """Pairs of neighbours, from the first or from the second place on by lot, change places."""
    rows, length = inner.shape
    place = torch.arange(length, device=residues.device)
    start = torch.randint(2, (rows, 1), device=residues.device)
    lot = torch.rand(rows, length, device=residues.device) < RATE
    after = inner.roll(-1, dims=1)
    after[:, -1] = False
    leads = (place % 2 == start) & inner & after & lot
    follows = leads.roll(1, dims=1)
    follows[:, 0] = False
    source = place + leads.long() - follows.long()
    return residues.gather(1, source[..., None].expand_as(residues))


def _inside(residues: Tensor) -> Tensor:
    """Positions of the chain without its ends, ``(B, L)``, by what is more likely than not."""
    chain = residues[..., PAD].detach() < 0.5
    after = chain.roll(-1, dims=1)
    after[:, -1] = False
    inside = chain & after
    inside[:, 0] = False
    return inside
