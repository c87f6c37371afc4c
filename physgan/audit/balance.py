"""Is the game fair? What a critic tells apart, what its slope gives the generator to go by.

All figures are free of the objective's scale: a relativistic or Wasserstein critic has no zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from tensordict import TensorDict
from torch import Tensor

from physgan.domain import Verdict
from physgan.errors import InputError
from physgan.objectives import Objective
from physgan.regularizers.base import CriticFn, score_gradient

LEAST_SLOPE = 0.01
"""A fake is saturated where the generator's loss has less than this share of its usual slope."""


@dataclass(frozen=True)
class Balance:
    """``separation``: how often a real sample scores above a fake one (0.5: cannot tell);
    ``accuracy``: right at the best single threshold; ``saturation``: the share of fakes whose
    score the generator's loss no longer feels, None where the objective reads no score alone;
    ``slope_real``, ``slope_fake``: median norm of the score's gradient by the sample;
    ``slope_ratio``: its 95th percentile over its median at fakes."""

    separation: float
    accuracy: float
    saturation: float | None
    slope_real: float
    slope_fake: float
    slope_ratio: float


def balance(
    critics: tuple[CriticFn, CriticFn], objective: Objective, real: TensorDict, fake: TensorDict
) -> Balance:
    """The figures of one critic on two batches.

    ``critics`` are its scores of x ``(B,)``, higher for real, under the conditions of the real and
    of the fake rows.
    """
    with torch.no_grad():
        scores = critics[0](real).double(), critics[1](fake).double()
    both = zip(critics, (real, fake), strict=True)
    slopes = [score_gradient(critic, x)[0].detach().double().sqrt() for critic, x in both]
    middle = slopes[1].median()
    return Balance(
        separation=separation(*scores),
        accuracy=best_accuracy(*scores),
        saturation=saturation(objective, *scores),
        slope_real=float(slopes[0].median()),
        slope_fake=float(middle),
        slope_ratio=float(slopes[1].quantile(0.95) / middle.clamp(min=1e-30)),
    )


def separation(real: Tensor, fake: Tensor) -> float:
    """P(score of a real sample > score of a fake one), ties counted half (the area under ROC)."""
    ordered = torch.sort(fake).values
    below = torch.searchsorted(ordered, real, side="left").double()
    upto = torch.searchsorted(ordered, real, side="right").double()
    return float(((below + upto) / 2).mean() / len(fake))


def best_accuracy(real: Tensor, fake: Tensor) -> float:
    """The balanced accuracy at the threshold that does best on these scores, at least 0.5."""
    cuts = torch.cat([real, fake]).unique()
    above = 1 - torch.searchsorted(torch.sort(real).values, cuts).double() / len(real)
    under = torch.searchsorted(torch.sort(fake).values, cuts).double() / len(fake)
    return max(0.5, float(((above + under) / 2).max()))


def saturation(objective: Objective, real: Tensor, fake: Tensor) -> float | None:
    """The share of fakes at which |dL_G / d score| is under 1 % of what it is at a real score."""
    if objective.fakes > 1 or not objective.needs_critic:
        return None
    # All fakes at the median real score: where a generator that has caught up would be.
    caught = torch.full_like(fake, float(real.median()))
    try:
        here, there = (_slope(objective, real, scores) for scores in (fake, caught))
    except InputError:  # It reads features, not the score alone.
        return None
    usual = torch.maximum(there.max(), here.max())
    return float((here < LEAST_SLOPE * usual).double().mean()) if usual > 0 else 1.0


def _slope(objective: Objective, real: Tensor, fake: Tensor) -> Tensor:
    """|dL_G / d score| at each fake ``(n,)``; paired objectives get as many real scores."""
    point = fake.clone().requires_grad_()
    rows = torch.arange(len(fake), device=real.device) % len(real)
    loss = objective.generator_loss(Verdict(real[rows]), Verdict(point))
    return torch.autograd.grad(loss, point, materialize_grads=True)[0].abs()
