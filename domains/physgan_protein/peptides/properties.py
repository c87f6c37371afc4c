"""Figures of peptides as properties that can be asked for, and as laws with a tolerance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from tensordict import TensorDict
from torch import Tensor

from physgan.errors import InputError
from physgan.vocabulary import Penalty, Property
from physgan_protein.alphabet import encode, one_hot
from physgan_protein.peptides import figures

_EXACT: dict[str, tuple[str, figures.Figure]] = {
    "charge": ("e", figures.charge),
    "isoelectric_point": ("pH", figures.isoelectric_point),
    "gravy": ("", figures.gravy),
    "hydrophobic_moment": ("", figures.hydrophobic_moment),
    "aliphatic_index": ("", figures.aliphatic_index),
    "mass": ("Da", figures.mass),
    "logp": ("", figures.Additive("logp")),
    "tpsa": ("A^2", figures.Additive("tpsa")),
    "donors": ("", figures.Additive("donors")),
    "acceptors": ("", figures.Additive("acceptors")),
    "rotatable_bonds": ("", figures.Additive("rotatable_bonds")),
}
PEPTIDE_PROPERTIES = {
    name: Property(name, unit, exact=function, differentiable=True)
    for name, (unit, function) in _EXACT.items()
}
"""Exact and differentiable; charge is at pH 7."""


@dataclass(frozen=True)
class Outside:
    """How far a figure lies outside ``low`` to ``high``, in its unit: ``(B,)``, zero inside."""

    name: str
    low: float
    high: float

    def __call__(self, x: TensorDict, given: TensorDict) -> Tensor:
        value = known(self.name)(x)
        return (self.low - value).clamp_min(0) + (value - self.high).clamp_min(0)


def within(
    name: str, low: float = -math.inf, high: float = math.inf, tolerance: float = 0.1
) -> Penalty:
    """The law that the figure ``name`` lies between ``low`` and ``high``.

    Raises InputError for a figure that is not known and for an empty range.
    """
    known(name)
    if not low < high:
        raise InputError(f"{name} from {low} to {high} leaves nothing", fix="low below high")
    unit = PEPTIDE_PROPERTIES[name].unit
    return Penalty(f"{name}_within", unit, tolerance, Outside(name, low, high))


def laws_within(ranges: Mapping[str, Sequence[float]]) -> tuple[Penalty, ...]:
    """A law for each figure of ``ranges``: its lowest, its highest and, if given, the tolerance."""
    for name, numbers in ranges.items():
        if len(numbers) not in (2, 3):
            raise InputError(
                f"{name} within {list(numbers)}", fix="the lowest, the highest, a tolerance"
            )
    return tuple(within(name, *numbers) for name, numbers in ranges.items())


def known(name: str) -> figures.Figure:
    """The function ``x -> (B,)`` of the figure ``name``."""
    if name not in _EXACT:
        raise InputError(f"peptides have no figure {name!r}", fix=f"one of {', '.join(_EXACT)}")
    return _EXACT[name][1]


def peptide_figures(
    sequences: Sequence[str], names: Sequence[str] = tuple(_EXACT), batch: int = 1024
) -> dict[str, NDArray[np.float64]]:
    """Each figure of ``names`` for sequences of any length, ``(n,)`` in double precision.

    Raises InputError for a letter that is no amino acid, and for an empty sequence.
    """
    if any(not s for s in sequences):
        place = [bool(s) for s in sequences].index(False)
        raise InputError("an empty sequence", where=f"sequence {place + 1}")
    parts: dict[str, list[Tensor]] = {name: [] for name in names}
    for start in range(0, len(sequences), batch):
        some = sequences[start : start + batch]
        hot = one_hot(encode(some, max(map(len, some)))).double()
        x = TensorDict({"residues": hot}, [len(some)])
        for name in names:
            parts[name].append(known(name)(x))
    empty = torch.zeros(0, dtype=torch.float64)
    return {name: torch.cat([empty, *found]).numpy() for name, found in parts.items()}
