"""Who praises samples in feedback training, and what says how usual they are, for any domain."""

from __future__ import annotations

import torch
from tensordict import TensorDict
from torch import Tensor

from physgan.audit.tokens import token_leaves
from physgan.conditions import Target
from physgan.design.feedback import Density, Guide, chain_density, guide_of
from physgan.design.judge import verified
from physgan.domain import Domain, Oracle
from physgan.errors import InputError
from physgan.predictors import Predictor

MOST_REAL = 2000
"""Real rows that a sample's distance is measured to."""


def check_target(target: Target) -> None:
    """Raise InputError unless ``target`` has a direction to be praised for."""
    if target.kind not in ("min", "max", "class"):
        raise InputError(
            f"feedback needs a direction, and {target} has none",
            fix=f"{target.name}=max, {target.name}=min, or a class",
        )


def predicted(predictor: Predictor, target: Target) -> Guide:
    """What an ensemble says of ``target``: the number asked to be high or, turned round, low; of a
    class the mean of the members' probabilities and their deviation."""
    check_target(target)
    guide = guide_of(predictor, target.name)
    if target.kind == "max":
        return guide

    def lowered(x: TensorDict, given: TensorDict) -> tuple[Tensor, Tensor]:
        mean, spread = guide(x, given)
        return -mean, spread

    @torch.no_grad()
    def likely(x: TensorDict, given: TensorDict) -> tuple[Tensor, Tensor]:
        device, parts = predictor.center.device, []
        for rows in torch.arange(len(x)).split(512):
            logits = predictor.read(x[rows].to(device), given[rows].to(device))[1][target.name]
            parts.append(logits.softmax(dim=2)[..., int(target.low)].cpu())
        each = torch.cat(parts, dim=1)
        return each.mean(dim=0), each.std(dim=0, unbiased=False)

    return lowered if target.kind == "min" else likely


def judged(domain: Domain, oracle: Oracle, target: Target) -> Guide:
    """What ``oracle`` says of ``target``, without doubt; NaN of what it does not know.

    Raises InputError for an oracle that says nothing of this property.
    """
    check_target(target)
    if oracle.properties and target.name not in oracle.properties:
        raise InputError(
            f"the oracle {oracle.name!r} says nothing of {target.name!r}",
            fix=f"it says {', '.join(oracle.properties)}",
        )

    def guide(x: TensorDict, given: TensorDict) -> tuple[Tensor, Tensor]:
        natives = domain.decode(x)
        kept = [row for row, native in enumerate(natives) if native is not None]
        samples = [natives[row] for row in kept]
        told = verified(domain, samples, oracle.judge(samples))
        value = torch.full((len(natives),), torch.nan, dtype=torch.double)
        for row, figures in zip(kept, told, strict=True):
            said = None if figures is None else figures.get(target.name)
            if said is not None:
                value[row] = _merit(target, said)
        return value, torch.zeros_like(value)

    return guide


def _merit(target: Target, said: float | str) -> float:
    if target.kind == "class":
        return float(said in (target.label, int(target.low)))
    return float(said) if target.kind == "max" else -float(said)


def usual(domain: Domain, real: TensorDict, seed: int = 0) -> Density:
    """How usual a sample is beside the ``real`` x: the likelihood of its tokens where it has any,
    else how near it is to the second nearest of MOST_REAL real rows (a real row's nearest is
    itself), by the domain's fingerprint. Raises InputError for a domain with neither."""
    if token_leaves(real):
        return chain_density(real)
    order = torch.randperm(len(real), generator=torch.Generator().manual_seed(seed))[:MOST_REAL]
    known = _prints(domain, real[order])

    def density(x: TensorDict) -> Tensor:
        found = _prints(domain, x)
        near = [part.topk(2, dim=1, largest=False).values[:, 1]
                for part in (torch.cdist(rows, known) for rows in found.split(512))]  # fmt: skip
        return -torch.cat(near).nan_to_num(nan=torch.inf)

    return density


def _prints(domain: Domain, x: TensorDict) -> Tensor:
    """Fingerprints ``(B, F)``, NaN where a sample cannot be built."""
    natives = domain.decode(x)
    built = [row for row, native in enumerate(natives) if native is not None]
    told = torch.as_tensor(domain.fingerprint([natives[row] for row in built])).double()
    found = torch.full((len(natives), told.shape[1]), torch.nan, dtype=torch.double)
    found[built] = told
    return found
