"""Short names of sequences: what is edited, or the ends of a long one."""

from __future__ import annotations

LONGEST = 32
MOST_EDITS = 6


def mutations(sequence: str, reference: str) -> list[str]:
    """The edits of ``reference``, such as A108D, positions counted from 1."""
    pairs = enumerate(zip(reference, sequence, strict=True), start=1)
    return [f"{old}{place}{new}" for place, (old, new) in pairs if old != new]


def label(sequence: str, reference: str | None = None) -> str:
    """The sequence where it is short; else its edits, or its ends and its length."""
    if len(sequence) <= LONGEST:
        return sequence
    if reference is not None and len(reference) == len(sequence):
        found = mutations(sequence, reference)
        if len(found) <= MOST_EDITS:
            return " ".join(found) or "reference"
        return f"{' '.join(found[:MOST_EDITS])} and {len(found) - MOST_EDITS} more"
    return f"{sequence[:12]}...{sequence[-8:]} ({len(sequence)})"
