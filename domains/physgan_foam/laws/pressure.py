"""Pressures: biases of labels under which the areas after a pass obey von Neumann's law.

A pixel takes the label of largest log s_l(x) + lambda_l. The shares of a bubble sum to the area
that the network expects of it, which is right for small bubbles too, whose every pixel is rather a
neighbour's: bubbles that are expected to be next to nothing vanish, and all others are first given
what is expected. Then each bubble's target area is A_l + k dtau (n_l - 6) with the mean n_l of its
side numbers before and after the pass. lambda is found by damped Newton steps with the diagonal of
the Hessian (semi-discrete optimal transport, Merigot, Computer Graphics Forum 30, 1583 (2011)).
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
from physgan_foam.threads import spread

GONE = -60.0
"""Bias of a bubble that is to vanish."""
FIRM = 0.02
"""Pixels whose second label has less of a share than so many times the first are not moved."""
FEWEST = 3
"""No bubble shrinks faster for long than one of three sides."""
LIFE = 0.35
"""Bubbles vanish in a pass of s mean areas whose expected area is below so many times s mean areas:
with this number von Neumann's slope is 1 on validation runs (seeds 8, 18 and 28)."""
LEFT = 0.6
"""The law takes no more than the rest of a bubble's expected area: pixels hide short films, so that
a small bubble seems to have too few sides."""
Areas = NDArray[np.float64]


class Pressures:
    """The projection: adds to a prediction the biases that make von Neumann's law hold.

    Areas meet their targets to ``tolerance`` pixels a bubble on average, or as near as ``sweeps``
    Newton steps come. The first of the ``rounds`` gives each bubble the area that the network
    expects, each other one that of the law by the side numbers that the last one led to. Takes the
    dense predictions of ``FoamStepper`` and the ``choices`` of its fast pass.
    """

    def __init__(self, sweeps: int = 6, rounds: int = 2, tolerance: float = 0.5) -> None:
        self.sweeps, self.rounds, self.tolerance = sweeps, rounds, tolerance

    def __call__(self, prediction: TensorDict, context: TensorDict) -> TensorDict:
        steps = context["y"]["step"].tolist()
        if "choices" in prediction:
            rows = prediction.get_non_tensor("choices"), context["labels"], steps
            bias = spread(lambda c, labels, s: self.solve(c, _coarse(labels, c), s), *rows)
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
        field = Contest(choices, int(labels.max()) + 1)
        mean = labels.size / np.count_nonzero(fields.areas(labels, len(field.sure)))
        expected = np.where(field.expected >= LIFE * step * mean, field.expected, 0.0)
        target, bias = whole_box(expected, labels.size), np.zeros(len(expected), np.float32)
        bias[expected == 0] = GONE
        for again in range(self.rounds):
            if again:
                target = target_areas(labels, choices.take(bias), step, expected)
            bias = field.meet(target, bias, self.sweeps, self.tolerance)
        return bias


class Contest:
    """The pixels that more than one of ``bubbles`` may have, and ``expected (N,)``, the sums of all
    shares in pixels."""

    def __init__(self, choices: Choices, bubbles: int) -> None:
        self.sure, self.expected = np.zeros(bubbles, np.float32), np.zeros(bubbles, np.float64)
        self.pixels = contested(*choices, FIRM, self.sure, self.expected)

    def meet(
        self, target: Areas, bias: NDArray[np.float32], sweeps: int, tolerance: float
    ) -> NDArray[np.float32]:
        """Biases ``(N,)`` that bring areas nearest to ``target (N,)``, from ``bias`` on."""
        bias, best, least = bias.copy(), bias.copy(), np.inf
        alive = target > 0
        for sweep in range(sweeps):
            area, give = self.sure.copy(), np.zeros(len(bias), np.float32)
            yielding(*self.pixels, np.exp(bias), area, give)
            error = np.where(alive, target - area, 0.0)
            mean = np.abs(error).sum() / max(alive.sum(), 1)
            if mean < least:
                best, least = bias.copy(), mean
            if mean <= tolerance:
                break
            damped = error / (1.25 + 0.1 * sweep) / np.maximum(give, 2.0)
            bias[alive] += np.clip(damped, -1.5, 1.5)[alive].astype(np.float32)
        return best


def target_areas(
    before: fields.Labels, after: fields.Labels, step: float, expected: Areas
) -> Areas:
    """Areas ``(N,)`` in pixels after a pass of ``step`` mean areas that obeys von Neumann's law.

    Side numbers are the means of those of ``before`` and of ``after (H, W)``, labels as they may be
    then. ``expected (N,)`` is 0 for bubbles that vanish. The areas sum to the box.
    """
    number = len(expected)
    area = fields.areas(before, number)
    scale = COEFFICIENT * step * before.size / np.count_nonzero(area)
    first, then = (np.maximum(fields.sides(f, number), FEWEST) for f in (before, after))
    law = area + scale * ((first + then) / 2 - 6)
    return whole_box(np.where(expected > 0, np.maximum(law, LEFT * expected), 0.0), before.size)


def whole_box(target: Areas, pixels: int) -> Areas:
    """Areas near ``target (N,)`` that sum to ``pixels``; what is 0 stays 0."""
    for _ in range(4):
        # by circumference, where what is left over was gained or lost
        weight = np.sqrt(target)
        target = np.maximum(target + weight * (pixels - target.sum()) / weight.sum(), 0.0)
    return target


def _coarse(labels: torch.Tensor, choices: Choices) -> fields.Labels:
    block = labels.shape[0] // choices.count.shape[0]
    return np.ascontiguousarray(labels[::block, ::block].cpu().numpy(), np.int32)
