"""The twenty amino acids as tokens: letters to indices, indices to one-hots, and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from physgan.errors import InputError

AMINO_ACIDS = "ACDEFGHIKLMNPQRSTVWY"
PAD = len(AMINO_ACIDS)
"""The token after a sequence's end; it has no letter."""
TOKENS = PAD + 1

_CODES = np.full(256, -1, dtype=np.int64)
_CODES[np.frombuffer(AMINO_ACIDS.encode(), np.uint8)] = np.arange(PAD)
_LETTERS = np.frombuffer(AMINO_ACIDS.encode() + b"\0", np.uint8)


def bad_residue(sequence: str) -> tuple[int, str] | None:
    """The first place, counted from 0, and letter that is none of the twenty, or None."""
    raw = sequence.encode("ascii", "replace")
    wrong = np.flatnonzero(_CODES[np.frombuffer(raw, np.uint8)] < 0)
    return (int(wrong[0]), sequence[int(wrong[0])]) if len(wrong) else None


def encode(sequences: Sequence[str], length: int) -> NDArray[np.int64]:
    """Tokens ``(n, length)``, padded at the end.

    Raises InputError for a letter that is no amino acid and a sequence longer than ``length``.
    """
    lengths = np.fromiter((len(s) for s in sequences), np.int64, len(sequences))
    if len(lengths) and lengths.max() > length:
        row = int(lengths.argmax())
        raise InputError(
            f"{lengths[row]} residues where at most {length} fit", where=f"sequence {row + 1}"
        )
    tokens = np.full((len(sequences), length), PAD, dtype=np.int64)
    flat = _CODES[np.frombuffer("".join(sequences).encode("ascii", "replace"), np.uint8)]
    if (flat < 0).any():
        row = int(np.searchsorted(lengths.cumsum(), np.flatnonzero(flat < 0)[0], side="right"))
        place, letter = bad_residue(sequences[row]) or (0, "")
        raise InputError(
            f"{letter!r} at position {place + 1} is no amino acid",
            where=f"sequence {row + 1}",
            fix=f"one of {AMINO_ACIDS}",
        )
    tokens[np.arange(length) < lengths[:, None]] = flat
    return tokens


def decode(tokens: NDArray[np.integer] | Tensor) -> list[str]:
    """Sequences of ``tokens (n, length)``: the letters before the first PAD."""
    table = tokens.detach().cpu().numpy() if isinstance(tokens, Tensor) else np.asarray(tokens)
    letters = _LETTERS[table]
    return [bytes(row).split(b"\0", 1)[0].decode("ascii") for row in letters]


def one_hot(tokens: NDArray[np.integer] | Tensor) -> Tensor:
    """``tokens (n, length)`` as float32 one-hots ``(n, length, 21)``."""
    index = tokens if isinstance(tokens, Tensor) else torch.from_numpy(np.asarray(tokens))
    return F.one_hot(index.long(), TOKENS).float()
