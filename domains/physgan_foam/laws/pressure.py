"""Pressures: biases of labels under which the areas after a pass obey von Neumann's law.

A pixel takes the label of largest log s_l(x) + lambda_l. Each bubble's target area is
A_l + k dtau (n_l - 6) with the mean n_l of its side numbers before and after the pass; lambda is
found by damped Newton steps with the diagonal of the Hessian (semi-discrete optimal transport,
Merigot, Computer Graphics Forum 30, 1583 (2011)).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from tensordict import TensorDict

from physgan_foam import labels as fields
from physgan_foam.decisions import Choices, choices_of
from physgan_foam.kernels import contested, yielding
from physgan_foam.laws.von_neumann import COEFFICIENT

GONE = -60.0
"""Bias of a bubble that is to vanish."""
FIRM = 0.002
"""Pixels whose second label has less of a share than so many times the first are not moved."""
FEWEST = 3
"""No bubble shrinks faster for long than one of three sides."""
Areas = NDArray[np.float64]


class Pressures:
    """The projection: adds to a prediction the biases that make von Neumann's law hold.

    For whole pixels areas meet their targets to ``tolerance`` pixels a bubble on average, or as
    near as ``sweeps`` Newton steps come; in each of the ``rounds`` targets are set anew by the side
    numbers that the last one led to. Takes the dense predictions of ``FoamStepper`` and the
    ``choices`` of its fast pass.
    """

    def __init__(self, sweeps: int = 6, rounds: int = 2, tolerance: float = 0.5) -> None:
        self.sweeps, self.rounds, self.tolerance = sweeps, rounds, tolerance

    def __call__(self, prediction: TensorDict, context: TensorDict) -> TensorDict:
        steps = context["y"]["step"].tolist()
        if "choices" in prediction:
            rows = zip(prediction.get_non_tensor("choices"), context["labels"], steps, strict=True)
            bias = [self.solve(choices, _coarse(labels, choices), s) for choices, labels, s in rows]
            return prediction.copy().set_non_tensor("bias", bias)
        logits = []
        for field, around, step in zip(
            prediction["logits"], prediction["around"], steps, strict=True
        ):
            start = np.ascontiguousarray(around[0].cpu().numpy(), np.int32)
            bias = self.solve(choices_of(field, around[0]), start, step)
            logits.append(field + torch.from_numpy(bias).to(field)[around.long()])
        return prediction.copy().set("logits", torch.stack(logits))

    def solve(self, choices: Choices, labels: fields.Labels, step: float) -> NDArray[np.float32]:
        """The biases ``(N,)`` for a pass of ``step`` mean areas from ``labels (H, W)``."""
        bubbles = int(labels.max()) + 1
        bias, sure = np.zeros(bubbles, np.float32), np.zeros(bubbles, np.float32)
        at = contested(*choices, FIRM, sure)
        pixels = choices.count.size
        name, share = choices.name.reshape(pixels, -1), choices.share.reshape(pixels, -1)
        for _ in range(self.rounds):
            target = target_areas(labels, choices.take(bias), step, bubbles)
            bias[target == 0] = GONE
            alive, best, least = target > 0, bias.copy(), np.inf
            for sweep in range(self.sweeps):
                area, give = sure.copy(), np.zeros(bubbles, np.float32)
                yielding(at, choices.count.ravel(), name, share, np.exp(bias), area, give)
                error = np.where(alive, target - area, 0.0)
                mean = np.abs(error).sum() / max(alive.sum(), 1)
                if mean < least:
                    best, least = bias.copy(), mean
                if mean <= self.tolerance:
                    break
                damped = error / (1.25 + 0.1 * sweep) / np.maximum(give, 2.0)
                bias[alive] += np.clip(damped, -1.5, 1.5)[alive].astype(np.float32)
            bias = best
        return bias


def target_areas(
    before: fields.Labels, free: fields.Labels, step: float, bubbles: int | None = None
) -> Areas:
    """Areas ``(N,)`` in pixels after a pass of ``step`` mean areas that obeys von Neumann's law.

    ``free (H, W)`` are the labels that the pass would give by itself: side numbers are the means
    of both. A bubble that is gone there stays gone unless even three sides would not end it. The
    areas sum to the box.
    """
    number = bubbles or int(before.max()) + 1
    area, after = fields.areas(before, number), fields.areas(free, number)
    scale = COEFFICIENT * step * before.size / np.count_nonzero(area)
    sides = np.maximum(fields.sides(before, number), FEWEST)
    then = np.where(after > 0, np.maximum(fields.sides(free, number), FEWEST), FEWEST)
    target = area + scale * ((sides + then) / 2 - 6)
    doomed = (after == 0) & (area + scale * (FEWEST - 6) <= 0)
    target = np.where((area == 0) | doomed | (target < 0.5), 0.0, target)
    for _ in range(4):
        # by circumference, where what is left over was gained or lost
        weight = np.sqrt(target)
        missing = (before.size - target.sum()) / weight.sum()
        target = np.maximum(target + weight * missing, 0.0)
    return target


def _coarse(labels: torch.Tensor, choices: Choices) -> fields.Labels:
    block = labels.shape[0] // choices.count.shape[0]
    return np.ascontiguousarray(labels[::block, ::block].numpy(), np.int32)
