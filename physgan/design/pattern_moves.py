"""Patterns of words at fixed gaps as blocks that can go elsewhere; what was tried beside them."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from physgan.design.space import Tokens


@dataclass(frozen=True)
class Block:
    """Positions ``places (k,)`` of one pattern and ``tried (2 L, V)``: which words have stood at
    which gap from its first place, gap 0 in row L, and made nothing better."""

    places: NDArray[np.int64]
    tried: NDArray[np.bool_]

    @property
    def anchor(self) -> int:
        """The first place."""
        return int(self.places[0])

    def moved(self, shift: int) -> Block:
        """The same pattern ``shift`` places further on."""
        return Block(self.places + shift, self.tried)

    def beside(self, length: int) -> NDArray[np.bool_]:
        """What has been tried beside it, by position: ``(L, V)``."""
        return self.tried[length - self.anchor : 2 * length - self.anchor]

    def having(self, tried: NDArray[np.bool_]) -> Block:
        """It, after the words ``tried (L, V)`` by position as well."""
        length = len(tried)
        table = self.tried.copy()
        table[length - self.anchor : 2 * length - self.anchor] |= tried
        return Block(self.places, table)


def new_block(places: Sequence[int], length: int, words: int) -> Block:
    """A block beside which nothing has been tried."""
    return Block(np.array(sorted(places)), np.zeros((2 * length, words), dtype=bool))


def tried_beside(blocks: Sequence[Block], length: int) -> NDArray[np.bool_]:
    """Words that can teach nothing where the blocks stand: tried beside each of them, ``(L, V)``;
    all words where a block stands."""
    table = np.logical_and.reduce([block.beside(length) for block in blocks])
    table[np.concatenate([block.places for block in blocks])] = True
    return table


def arrangements(
    blocks: Sequence[Block], length: int, n: int, rng: np.random.Generator
) -> list[list[Block]]:
    """Up to ``n`` different ways to put some of the blocks elsewhere, all those by one shift."""
    found: dict[tuple[int, ...], list[Block]] = {}
    for _ in range(4 * n):
        chosen = rng.random(len(blocks)) < rng.choice([1.5 / len(blocks), 0.5])
        if not chosen.any():
            continue
        low = min(int(b.places.min()) for b, c in zip(blocks, chosen, strict=True) if c)
        high = max(int(b.places.max()) for b, c in zip(blocks, chosen, strict=True) if c)
        shift = int(rng.integers(-low, length - high))
        moved = [b.moved(shift) if c else b for b, c in zip(blocks, chosen, strict=True)]
        used = np.concatenate([b.places for b in moved])
        if shift and len(np.unique(used)) == len(used):
            found.setdefault(tuple(b.anchor for b in moved), moved)
        if len(found) == n:
            break
    return list(found.values())


def promising(
    blocks: Sequence[Block],
    length: int,
    failed: Container[tuple[int, ...]],
    rng: np.random.Generator,
    most: int = 64,
) -> list[tuple[list[Block], NDArray[np.bool_]]]:
    """Arrangements that have not ``failed``, each with what teaches nothing there; those with
    most left to try first."""
    options = []
    for moved in arrangements(blocks, length, 100, rng):
        if tuple(block.anchor for block in moved) not in failed:
            options.append((moved, tried_beside(moved, length)))
    return sorted(options, key=lambda option: int(option[1].sum()))[:most]


def teaching(
    walks: Tokens, tried: NDArray[np.bool_], free: NDArray[np.bool_], met: Container[bytes]
) -> Tokens:
    """Those of ``walks (n, L)``, not ``met``, that put a word at a ``free (L,)`` position where
    neither the past nor an earlier one of them did."""
    seen, places, rows = tried.copy(), np.flatnonzero(free), []
    for row, walk in enumerate(walks):
        if not seen[places, walk[places]].all() and walk.tobytes() not in met:
            seen[places, walk[places]] = True
            rows.append(row)
    return walks[rows]


def promise(ratio: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weights ``(L,)`` of positions where a word may be missing, from what is left of the value,
    ``ratio (L,)``, when a position is exchanged: near those that matter, and most near those that
    cost the greatest share, for the pattern of these is the least complete."""
    loss = np.clip(1.0 - np.nan_to_num(ratio, nan=1.0), 0.0, 0.9)
    place = np.arange(len(ratio))
    return np.exp(-np.abs(np.subtract.outer(place, place)) / 2.0) @ loss**4 + 1e-6
