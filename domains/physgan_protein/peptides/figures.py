"""Figures of linear peptides with free ends, differentiable in relaxed one-hots.

Every function takes x with ``residues (B, L, 21)``, of which the last token is PAD after the end,
and returns ``(B,)``. On hard one-hots it is the textbook's value; in between it is the value of
the expected composition, so gradients reach x. An empty row has length one to divide by.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from tensordict import TensorDict
from torch import Tensor

from physgan_protein.alphabet import AMINO_ACIDS, PAD
from physgan_protein.peptides import scales

Figure = Callable[[TensorDict], Tensor]
HELIX = 100.0
"""Degrees by which each residue of an alpha helix turns."""
NEUTRAL = 7.0
HALVINGS = 50
TABLES = {
    "logp": scales.CRIPPEN,
    "tpsa": scales.POLAR_SURFACE,
    "donors": scales.DONORS,
    "acceptors": scales.ACCEPTORS,
    "rotatable_bonds": scales.ROTATABLE,
}


def composition(x: TensorDict) -> Tensor:
    """Expected number of each amino acid, ``(B, 20)``."""
    return x["residues"][..., :PAD].sum(1)


def length(x: TensorDict) -> Tensor:
    """Expected number of residues."""
    return composition(x).sum(1)


def mass(x: TensorDict) -> Tensor:
    """Average molecular mass in Da: residues and one water."""
    return composition(x) @ scales.MASS.to(x["residues"]) + scales.WATER_MASS


def gravy(x: TensorDict) -> Tensor:
    """Grand average of hydropathy: the mean of Kyte and Doolittle's scale."""
    return _mean(x, scales.HYDROPATHY)


def aliphatic_index(x: TensorDict) -> Tensor:
    """Ikai's relative volume of aliphatic side chains, in mole percent."""
    return 100 * _mean(x, scales.ALIPHATIC)


def hydrophobic_moment(x: TensorDict) -> Tensor:
    """Eisenberg's moment of an alpha helix over the whole chain, per residue:

    ``mu = |sum_n H_n exp(i 100 deg n)| / N`` (Eisenberg et al., Nature 299, 371, 1982).
    """
    residues = x["residues"]
    values = residues[..., :PAD] @ scales.EISENBERG.to(residues)
    angle = torch.arange(residues.shape[1]).to(residues) * math.radians(HELIX)
    parts = torch.stack([values @ angle.cos(), values @ angle.sin()])
    # The norm's gradient at zero is nowhere; a trace under the root keeps it finite.
    return (parts.square().sum(0) + torch.finfo(parts.dtype).tiny).sqrt() / _divisor(x)


def charge(x: TensorDict, ph: float | Tensor = NEUTRAL) -> Tensor:
    """Mean net charge in e at ``ph``, a number or ``(B,)``, by Henderson and Hasselbalch."""
    counts, first, last = composition(x), x["residues"][:, 0, :PAD], _last(x)
    level = torch.as_tensor(ph, dtype=counts.dtype, device=counts.device).reshape(-1, 1)

    def positive(pk: Tensor) -> Tensor:
        return torch.sigmoid(math.log(10) * (pk.to(counts) - level))

    def negative(pk: Tensor) -> Tensor:
        return -torch.sigmoid(math.log(10) * (level - pk.to(counts)))

    side = positive(scales.PK_POSITIVE) + negative(scales.PK_NEGATIVE)
    ends = first * positive(scales.PK_FIRST) + last * negative(scales.PK_LAST)
    return (counts * side + ends).sum(1)


def isoelectric_point(x: TensorDict) -> Tensor:
    """The pH between 0 and 14 at which the mean net charge is zero.

    By bisection in double precision; its gradient is that of the implicit function,
    ``d pI / dx = -(dQ / dx) / (dQ / dpH)``.
    """
    exact = TensorDict({"residues": x["residues"].double()}, x.batch_size)
    with torch.no_grad():
        low = torch.zeros_like(exact["residues"][:, 0, 0])
        high = torch.full_like(low, 14.0)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            above = charge(exact, middle) > 0
            low, high = torch.where(above, middle, low), torch.where(above, high, middle)
        point, step = (low + high) / 2, 1e-4
        slope = (charge(exact, point + step) - charge(exact, point - step)) / (2 * step)
    now = charge(exact, point)
    return (point - (now - now.detach()) / slope.clamp_max(-1e-12)).to(x["residues"])


@dataclass(frozen=True)
class Additive:
    """One of rdkit's figures that are additive over residues, by its ``name`` in ``TABLES``:

    ``sum of residues + the ends + the correction of a first proline``; see ``scales``.
    """

    name: str

    def __call__(self, x: TensorDict) -> Tensor:
        proline = x["residues"][:, 0, AMINO_ACIDS.index("P")]
        inside = composition(x) @ TABLES[self.name].to(x["residues"])
        first = scales.FIRST_PROLINE.get(self.name, 0.0) * proline
        return inside + scales.WATER[self.name] + first


def _last(x: TensorDict) -> Tensor:
    """The last residue as a distribution ``(B, 20)``: where PAD or nothing follows."""
    pad = x["residues"][..., PAD]
    following = torch.cat([pad[:, 1:], torch.ones_like(pad[:, :1])], dim=1)
    return (x["residues"][..., :PAD] * following[..., None]).sum(1)


def _mean(x: TensorDict, scale: Tensor) -> Tensor:
    return composition(x) @ scale.to(x["residues"]) / _divisor(x)


def _divisor(x: TensorDict) -> Tensor:
    return length(x).clamp_min(1.0)
