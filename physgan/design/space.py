"""Where a search over tokens moves: words, length, what may be chosen, and where it starts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from physgan.errors import InputError

Tokens = NDArray[np.int64]
"""Samples as indices of words, ``(n, L)``."""
Values = NDArray[np.float64]
"""What an oracle says, ``(n,)``: NaN where unknown, -inf where a sample breaks its rules."""
Ask = Callable[[Tokens], Values]


@dataclass(frozen=True)
class TokenSpace:
    """Sequences of ``length`` tokens out of ``words``.

    ``library (n, L)`` lists all that may be chosen, where they can be enumerated; ``start (n, L)``
    is what is known before the first question (a wild type, feasible samples); ``scales (V, F)``
    are descriptors that say how like two words are; positions outside ``free (L,)`` never change.
    ``letters`` spell samples in tables, one character a word; without them tokens are numbers.
    """

    words: int
    length: int
    library: Tokens | None = None
    start: Tokens | None = None
    scales: NDArray[np.float64] | None = None
    free: NDArray[np.bool_] | None = None
    letters: str = ""

    def __post_init__(self) -> None:
        if self.words < 2 or self.length < 1:
            raise InputError(f"{self.words} words at {self.length} places leave nothing to choose")
        if self.letters and len(self.letters) != self.words:
            raise InputError(f"{len(self.letters)} letters spell {self.words} words")
        for name in ("library", "start"):
            tokens = getattr(self, name)
            if tokens is not None:
                self.check(tokens, name)

    def check(self, tokens: Tokens, what: str = "samples") -> None:
        """Raise InputError unless ``tokens`` are ``(n, length)`` indices of words."""
        if tokens.ndim != 2 or tokens.shape[1] != self.length:
            raise InputError(f"{what} have shape {tokens.shape}, not (n, {self.length})")
        if len(tokens) and (tokens.min() < 0 or tokens.max() >= self.words):
            raise InputError(f"{what} have tokens outside 0..{self.words - 1}")

    @property
    def movable(self) -> NDArray[np.int64]:
        """The positions that may change."""
        return np.arange(self.length) if self.free is None else np.flatnonzero(self.free)

    def spell(self, tokens: Tokens) -> list[str]:
        """One text per sample."""
        if self.letters:
            return ["".join(self.letters[t] for t in row) for row in tokens]
        return [" ".join(map(str, row)) for row in tokens.tolist()]

    def read(self, texts: Sequence[str]) -> Tokens:
        """The tokens of what ``spell`` wrote."""
        if self.letters:
            index = {letter: i for i, letter in enumerate(self.letters)}
            rows = [[index.get(letter, -1) for letter in text] for text in texts]
        else:
            rows = [[int(word) for word in text.split()] for text in texts]
        if any(len(row) != self.length for row in rows):
            raise InputError(f"a sample that is not {self.length} tokens long")
        tokens = np.array(rows, dtype=np.int64).reshape(len(rows), self.length)
        self.check(tokens)
        return tokens

    def random(self, n: int, rng: np.random.Generator) -> Tokens:
        """``n`` different samples of the library, or ``n`` of all sequences, evenly.

        Where some positions are fixed they are as in a random row of ``start``.
        """
        if self.library is not None:
            return self.library[rng.choice(len(self.library), min(n, len(self.library)), False)]
        drawn = rng.integers(0, self.words, (n, self.length))
        if self.start is not None and self.free is not None:
            kept = self.start[rng.integers(0, len(self.start), n)]
            drawn = np.where(self.free, drawn, kept)
        return drawn


def distances(tokens: Tokens, others: Tokens, block: int = 256) -> NDArray[np.int64]:
    """Hamming distances ``(n,)`` of ``tokens (n, L)`` to the nearest of ``others (m, L)``."""
    nearest = np.full(len(tokens), tokens.shape[1] + 1, dtype=np.int64)
    for first in range(0, len(others), block):
        part = others[first : first + block]
        away = np.zeros((len(tokens), len(part)), dtype=np.int16)
        for place in range(tokens.shape[1]):
            away += tokens[:, place, None] != part[None, :, place]
        nearest = np.minimum(nearest, away.min(axis=1))
    return nearest


def pairwise_diversity(tokens: Tokens) -> float:
    """Mean Hamming distance over pairs; 0 for fewer than two samples."""
    n = len(tokens)
    if n < 2:
        return 0.0
    same = 0
    for column in tokens.T:
        counts = np.bincount(column)
        same += int((counts * (counts - 1)).sum())
    return tokens.shape[1] - same / (n * (n - 1))
