"""Amphipathic helices designed by rule, and shuffles of them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from physgan_protein.peptides.properties import peptide_figures

SHORTEST, LONGEST = 10, 30
TURN = math.radians(100)
"""Of an alpha helix, per residue."""
OILY = {"L": 6, "I": 4, "F": 3, "A": 3, "V": 3, "W": 1.5, "M": 1}
"""Residues of the oily face with their weights; the other face has POLAR and charged ones."""
POLAR = {"S": 2, "T": 2, "Q": 2, "N": 2, "G": 1, "H": 1}
BASIC, ACIDIC = {"K": 3, "R": 2}, {"E": 3, "D": 2}
ERROR = 0.08
"""Chance that a place is filled from all residues at random."""
FIGURES = {"charge": 3, "isoelectric_point": 3, "gravy": 4, "hydrophobic_moment": 4, "mass": 2}
"""Columns with their digits."""


def draw(weights: dict[str, float], rng: np.random.Generator) -> str:
    share = np.array(list(weights.values()), dtype=float)
    return str(rng.choice(list(weights), p=share / share.sum()))


def helix(rng: np.random.Generator) -> str:
    """One helix: an oily arc of 100 to 220 degrees, the rest polar with a charge at random."""
    length = int(rng.integers(SHORTEST, LONGEST + 1))
    half_arc, phase = math.radians(rng.uniform(50, 110)), rng.uniform(0, 2 * math.pi)
    charged, basic = rng.uniform(0.3, 0.9), rng.choice([0.1, 0.5, 0.8, 0.95])
    everything = OILY | POLAR | BASIC | ACIDIC | {"C": 0.5, "P": 0.5, "Y": 1}
    letters = []
    for place in range(length):
        angle = (place * TURN + phase + math.pi) % (2 * math.pi) - math.pi
        if rng.random() < ERROR:
            table = everything
        elif abs(angle) < half_arc:
            table = OILY
        elif rng.random() < charged:
            table = BASIC if rng.random() < basic else ACIDIC
        else:
            table = POLAR
        letters.append(draw(table, rng))
    return "".join(letters)


def peptides(pairs: int, seed: int) -> list[dict[str, Any]]:
    """``pairs`` helices, each with one shuffle of its own residues; no sequence occurs twice."""
    rng = np.random.default_rng(seed)
    found: dict[str, tuple[int, str]] = {}
    number = 0
    while number < pairs:
        one = helix(rng)
        other = "".join(rng.permutation(list(one)))
        if one == other or one in found or other in found:
            continue
        found |= {one: (number, "helix"), other: (number, "shuffled")}
        number += 1
    figures = peptide_figures(list(found), tuple(FIGURES))
    return [
        {"id": f"{kind}-{pair:04d}", "sequence": sequence, "kind": kind, "pair": f"pair-{pair:04d}"}
        | {name: f"{figures[name][row]:.{digits}f}" for name, digits in FIGURES.items()}
        for row, (sequence, (pair, kind)) in enumerate(found.items())
    ]
