"""The charge law: some choice of oxidation states is neutral and obeys Pauling's rule."""

from __future__ import annotations

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from physgan_crystal.laws.neutrality import exchanged_charge, net_charge


def charge_residual(species: Tensor, multiplicity: Tensor) -> Tensor:
    """Least net charge ``(B,)`` in e per formula unit; see ``net_charge`` for one-hot species.

    ``species (B, K, 100)`` relaxed one-hot with zero rows for absent orbits, ``multiplicity
    (B, K)``. With r_ke the charge after orbit k alone turns into element e, the other orbits at
    their most probable element, the value is the mean over orbits of ``sum_e p_ke r_ke``, which
    is exact at one-hots. The gradient is r_ke itself: at one-hots that is the derivative of the
    expected charge when the orbits' elements are drawn independently.
    """
    probability = species.detach()
    present = probability.sum(-1) > 0
    numbers = torch.where(present, probability.argmax(-1) + 1, 0)
    counts = multiplicity * present
    hot = bool((probability.amax(-1)[present] == 1).all())
    if hot and not (species.requires_grad and torch.is_grad_enabled()):
        charge = net_charge(numbers.cpu().numpy(), counts.cpu().numpy())
        return torch.as_tensor(charge).to(species)
    table = torch.as_tensor(exchanged_charge(numbers.cpu().numpy(), counts.cpu().numpy()))
    total = (species * table.to(species)).sum((-1, -2))
    value = total.detach() / present.sum(-1).clamp_min(1)
    return value + (total - total.detach())


class ChargeLaw(nn.Module):
    """``charge_residual`` of batches ``x``, with the multiplicities of ``library``."""

    def __init__(self, library: nn.Module) -> None:
        super().__init__()
        self.library = library

    def forward(self, x: TensorDict, given: TensorDict) -> Tensor:
        multiplicity = self.library.multiplicity[x["template"]]  # type: ignore[index]
        return charge_residual(x["species"], multiplicity)
