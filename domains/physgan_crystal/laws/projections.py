"""Maps after which a law holds: shifts and rescaling for distances, exchange for charges."""

from __future__ import annotations

import torch
from tensordict import TensorDict
from torch import Tensor, nn
from torch_geometric.utils import scatter

from physgan_crystal.laws.distance import FRACTION, contacts
from physgan_crystal.laws.exchange import Exchanger

MARGIN = 1e-5  # so that rounding leaves no contact short
LARGEST = 4.0


def smallest_scale(expanded: TensorDict, fraction: float = FRACTION) -> Tensor:
    """Least length factor ``(B,)``, at least 1, that takes every contact to its minimum.

    Distances, images included, scale with the cell, so the factor is the maximum of
    ``d_min / d`` over the short contacts. It is capped at 4: atoms nearer than a quarter of
    their minimum are a clash of coordinates, which a larger cell does not mend.
    """
    mask = expanded["mask"]
    edges, least = contacts(expanded, fraction)
    ratio = (least / edges.distance).clamp(max=LARGEST)
    crystal = torch.div(edges.target, mask.shape[1], rounding_mode="floor")
    most = scatter(ratio, crystal, 0, len(mask), reduce="max")
    return torch.where(most > 1, most * (1 + MARGIN), 1.0)


class DistanceProjection(nn.Module):
    """Expands crystals with short contacts, all lengths by the smallest factor that mends them.

    Differentiable: ``x["lattice"][:, 0]`` (log of the volume per atom) gains ``3 log s``. Shape,
    symmetry and fractional coordinates stay.
    """

    def __init__(self, library: nn.Module, fraction: float = FRACTION) -> None:
        super().__init__()
        self.library, self.fraction = library, fraction

    def forward(self, x: TensorDict, given: TensorDict) -> TensorDict:
        scale = smallest_scale(self.library.expand(x), self.fraction)  # type: ignore[operator]
        growth = torch.zeros_like(x["lattice"])
        growth[:, 0] = 3 * scale.log()
        out = x.clone(recurse=False)
        out["lattice"] = x["lattice"] + growth
        return out


class SeparationProjection(nn.Module):
    """Moves atoms of crystals with short contacts apart, then expands what is still too tight.

    Descends the squares of ``d_min - d`` over the short contacts by Adam along the free
    coordinates, cell and symmetry kept, to the place at which a crystal needs the least expansion;
    where atoms are free to move, it then keeps its density. Not differentiable.
    """

    def __init__(
        self, library: nn.Module, fraction: float = FRACTION, steps: int = 60, rate: float = 0.01
    ) -> None:
        super().__init__()
        self.library, self.fraction, self.steps, self.rate = library, fraction, steps, rate
        self.expand = DistanceProjection(library, fraction)

    def forward(self, x: TensorDict, given: TensorDict) -> TensorDict:
        with torch.no_grad():
            scale = smallest_scale(self.library.expand(x), self.fraction)  # type: ignore[operator]
        free: Tensor = self.library.free[x["template"]]  # type: ignore[index]
        short = ((scale > 1) & free.flatten(1).any(dim=1)).nonzero().squeeze(1)
        out = x.clone(recurse=False)
        if len(short):
            out["coord"] = x["coord"].clone()
            for rows in short.split(256):
                out["coord"][rows] = self._apart(x[rows], scale[rows], free[rows])
        return self.expand(out, given)

    def _apart(self, x: TensorDict, scale: Tensor, free: Tensor) -> Tensor:
        """The best coordinates ``(B, K, 3)`` found on the way."""
        x = x.detach().clone()
        best, kept = scale.clone(), x["coord"].clone()
        place = x["coord"].clone().requires_grad_(True)
        optimiser = torch.optim.Adam([place], lr=self.rate)
        for _ in range(self.steps):
            with torch.enable_grad():
                x["coord"] = torch.where(free, place, kept)
                edges, least = contacts(self.library.expand(x), self.fraction)  # type: ignore[operator]
                short = torch.relu((1 + 10 * MARGIN) * least - edges.distance)
                place.grad = torch.autograd.grad(short.square().sum(), place)[0]
            optimiser.step()
            with torch.no_grad():
                x["coord"] = torch.where(free, place.remainder(1.0), kept)
                now = smallest_scale(self.library.expand(x), self.fraction)  # type: ignore[operator]
                better = now < best
                best = torch.where(better, now, best)
                kept = torch.where(better[:, None, None], x["coord"], kept)
            if bool((best <= 1).all()):
                break
        return kept


class ChargeProjection(nn.Module):
    """Turns compositions without a neutral assignment into the most probable near one that has.

    The species become one-hot. Not differentiable: it runs when samples are drawn.
    """

    def __init__(self, library: nn.Module) -> None:
        super().__init__()
        self.library = library

    def forward(self, x: TensorDict, given: TensorDict) -> TensorDict:
        multiplicity: Tensor = self.library.multiplicity[x["template"]]  # type: ignore[index]
        seen: Tensor = self.library.seen  # type: ignore[assignment]
        prior = seen[x["template"]] if len(seen) else None
        out = x.clone(recurse=False)
        out["species"] = Exchanger()(x["species"], multiplicity, prior)
        return out
