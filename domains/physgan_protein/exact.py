"""Properties that follow from the sequence itself."""

from __future__ import annotations

from tensordict import TensorDict
from torch import Tensor

from physgan.domain import Property
from physgan_protein.alphabet import PAD
from physgan_protein.peptides.properties import PEPTIDE_PROPERTIES


def residue_count(x: TensorDict) -> Tensor:
    """Number of residues ``(B,)``, differentiable where lengths are."""
    return x["residues"][..., :PAD].sum(dim=(1, 2))


LENGTH = Property("length", "residues", exact=residue_count, differentiable=True)
EXACT = {"length": LENGTH} | PEPTIDE_PROPERTIES
