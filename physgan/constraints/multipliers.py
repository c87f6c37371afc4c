"""Tolerances instead of weights: an augmented Lagrangian that runs inside a stochastic game.

Each law is an inequality mean(residual) <= tolerance with a multiplier lambda >= 0. The term for
the generator is that of Powell, Hestenes and Rockafellar (Nocedal & Wright, Numerical
Optimization, 2nd ed., eq. 17.65), with g = mean(residual) - tolerance and penalty r:

    (relu(lambda + r g)^2 - lambda^2) / 2r,   whose slope in g is relu(lambda + r g).

The residuals of a game's first steps may be any number of decades above the tolerance, in any
unit. So r = penalty / s^2, s being the largest of the tolerance, the residual and its running
mean: the slope then never exceeds lambda + penalty / s, and the unit of a residual is immaterial.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.distributed as dist
from torch import Tensor, nn

from physgan.errors import InputError


class Multipliers(nn.Module):
    """One multiplier per named penalty; all state is in buffers ``(n,)``.

    ``tolerances`` maps the name of a penalty to the accepted mean residual, in its unit, > 0.
    ``penalty`` is the dimensionless coefficient at the start; it grows by the factor ``growth``
    in each update that finds the law broken, up to ``max_penalty``. ``rate`` scales the step of
    the multipliers: 1 is the method of multipliers, which expects a minimisation between updates;
    one update per training step wants a few per cent. ``decay`` is that of the running mean on
    which updates decide. With ``restart`` a law that holds forgets its multiplier at once.
    """

    tolerance: Tensor
    multiplier: Tensor
    penalty: Tensor
    mean: Tensor
    updates: Tensor

    def __init__(
        self,
        tolerances: Mapping[str, float],
        *,
        penalty: float = 1.0,
        growth: float = 1.001,
        max_penalty: float = 100.0,
        rate: float = 0.02,
        decay: float = 0.9,
        restart: bool = False,
    ) -> None:
        super().__init__()
        for name, tolerance in tolerances.items():
            if not tolerance > 0:
                raise InputError(
                    f"the tolerance of {name!r} is {tolerance}",
                    fix="a penalty needs a tolerance > 0; what must hold exactly is a projection",
                )
        if not (0 < penalty <= max_penalty and growth >= 1 and rate > 0 and 0 <= decay < 1):
            raise InputError(
                f"penalty {penalty}, max_penalty {max_penalty}, growth {growth}, rate {rate}, "
                f"decay {decay}",
                fix="0 < penalty <= max_penalty, growth >= 1, rate > 0, 0 <= decay < 1",
            )
        self.names = tuple(tolerances)
        self.growth, self.max_penalty, self.rate = growth, max_penalty, rate
        self.decay, self.restart = decay, restart
        zeros = torch.zeros(len(self.names))
        self.register_buffer("tolerance", zeros + torch.tensor(list(tolerances.values())))
        self.register_buffer("multiplier", zeros.clone())
        self.register_buffer("penalty", zeros + penalty)
        self.register_buffer("mean", zeros.clone())
        self.register_buffer("updates", zeros.clone())

    def forward(self, violations: Mapping[str, Tensor]) -> Tensor:
        """The term for the generator's loss, a scalar, from residuals ``(B,)`` (or means) by name.

        Differentiable by the residuals only.
        """
        residual = self._means(violations)
        scale = self._scale(residual.detach())
        g = residual - self.tolerance
        # In units of the scale, and the square's branches apart: nothing overflows or cancels.
        relative, price = g / scale, self.multiplier * scale
        active = self.multiplier * g + self.penalty * relative.square() / 2
        resting = -price.square() / (2 * self.penalty)
        return torch.where(price + self.penalty * relative > 0, active, resting).sum()

    @torch.no_grad()
    def update(self, violations: Mapping[str, Tensor]) -> None:
        """Dual ascent by the running mean over the batches of all processes.

        A residual that is not finite leaves the state of its law as it was.
        """
        residual = self._means(violations)
        if dist.is_available() and dist.is_initialized():
            dist.all_reduce(residual)
            residual = residual / dist.get_world_size()
        finite = torch.isfinite(residual)
        # The first batches weigh equally, so that the mean does not start from zero.
        keep = torch.clamp(self.updates / (self.updates + 1), max=self.decay)
        mean = torch.where(finite, keep * self.mean + (1 - keep) * residual, self.mean)
        excess, scale = mean - self.tolerance, self._scale(mean)
        step = self.rate * self.penalty * (excess / scale) / scale
        moved = torch.relu(self.multiplier + step)
        if self.restart:
            moved = torch.where(excess <= 0, torch.zeros_like(moved), moved)
        grown = (self.penalty * self.growth).clamp(max=self.max_penalty)
        self.mean.copy_(mean)
        self.multiplier.copy_(torch.where(finite, moved, self.multiplier))
        self.penalty.copy_(torch.where(finite & (excess > 0), grown, self.penalty))
        self.updates.add_(finite)

    def report(self) -> dict[str, float]:
        """``law/mean`` (running mean residual), ``law/tolerance``, ``law/multiplier`` (loss per
        residual), ``law/penalty`` and ``law/holds`` (1 or 0). Waits for the device: for logging.
        """
        rows = torch.stack([self.mean, self.tolerance, self.multiplier, self.penalty]).T.tolist()
        table: dict[str, float] = {}
        for name, row in zip(self.names, rows, strict=True):
            fields = zip(("mean", "tolerance", "multiplier", "penalty"), row, strict=True)
            table |= {f"{name}/{field}": value for field, value in fields}
            table[f"{name}/holds"] = float(row[0] <= row[1])
        return table

    def _means(self, violations: Mapping[str, Tensor]) -> Tensor:
        if set(violations) != set(self.names):
            raise KeyError(f"violations of {sorted(violations)}, not of {sorted(self.names)}")
        if not self.names:
            return self.tolerance.new_zeros(0)
        return torch.stack([violations[name].to(self.tolerance).mean() for name in self.names])

    def _scale(self, residual: Tensor) -> Tensor:
        return torch.maximum(torch.maximum(residual, self.mean), self.tolerance)
