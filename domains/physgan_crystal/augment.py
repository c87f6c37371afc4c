"""Crystals slightly strained and with atoms slightly displaced, for critics.

The critic sees distances and directions between expanded atoms: it is blind to rotations, mirror
images, the choice of origin and cell and the order of orbits, so that no exact symmetry is left to
turn a crystal by. What is done instead: with probability SHARE, free coordinates and the free
numbers of the cell's shape get normal noise. Symmetry stays, as in all that an expansion makes;
elements stay, and the volume does where a property is computed from it.

The noise is added, so on distributions of free parameters it is a convolution, whose
characteristic function 1 - SHARE + SHARE exp(-|sigma t|^2 / 2) is nowhere zero (of coordinates,
which live on a torus, at its integer frequencies): crystals are distributed like the data after
it only if they were before. That is the condition under which an augmentation does not leak
(Karras et al., 2006.06676, section 2.2; for added noise Bora et al., AmbientGAN, ICLR 2018).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from tensordict import TensorDict
from torch import Tensor

if TYPE_CHECKING:
    from physgan_crystal.symmetry.library import TemplateLibrary

SHARE = 0.5
JITTER = 0.01
"""Deviation of coordinates in periods, some 0.05 A, half of what heat does at room temperature."""
STRAIN = 0.01
"""Deviation of log(b/a), log(c/a) and of the cosines of the angles; three times that of lengths
for the log of the volume."""


def strained(x: TensorDict, library: TemplateLibrary, keep_volume: bool) -> TensorDict:
    """``x`` with noise on the free numbers of a share of its rows, drawn from torch's random
    state; ``keep_volume`` leaves ``lattice[:, 0]`` as it is. Gradients pass to all leaves."""
    template, coord, lattice = x["template"], x["coord"], x["lattice"]
    chosen = torch.rand(len(lattice), 1, device=lattice.device) < SHARE
    free = library.lattice_free[template] & chosen
    scale = torch.full_like(lattice, STRAIN)
    scale[:, 0] = 0.0 if keep_volume else 3 * STRAIN
    out = x.clone(recurse=False)
    out["lattice"] = lattice + _noise(scale, free)
    out["coord"] = coord + _noise(
        torch.full_like(coord, JITTER), library.free[template] & chosen[..., None]
    )
    return out


def _noise(scale: Tensor, free: Tensor) -> Tensor:
    """Normal numbers of deviation ``scale`` where ``free``, zero elsewhere."""
    return torch.where(free, scale.detach() * torch.randn_like(scale), torch.zeros_like(scale))
