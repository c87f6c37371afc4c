"""Split-conformal intervals, normalised by the predicted spread."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from physgan.errors import InputError


def finite_sample_quantile(scores: Tensor, level: float) -> Tensor:
    """The ``ceil((n + 1) * level)``-th smallest of ``scores (n,)``, infinite where it exceeds n.

    This rank makes ``P(new score <= quantile) >= level`` for exchangeable scores (Vovk et al.
    2005; Lei et al. 2018, arXiv:1604.04173, theorem 2.2), and below ``level + 1/(n+1)``
    without ties.
    """
    if not 0.0 < level < 1.0:
        raise InputError(f"the level {level} is not between 0 and 1")
    ordered = scores.sort().values
    count = len(ordered)
    # The small shift keeps (n + 1) * level from passing an integer by rounding alone.
    rank = int(-(-((count + 1) * level - 1e-9) // 1))
    if rank > count:
        return ordered.new_tensor(float("inf"))
    return ordered[max(rank, 1) - 1]


class SplitConformal(nn.Module):
    """Locally adaptive intervals ``mean +- q(level) * spread`` for each of P properties.

    The score of a calibration row is ``|truth - mean| / spread`` (Lei et al. 2018, section 5.2).
    With ``bins`` > 1 the calibration is Mondrian: one quantile per bin of the predicted value,
    so coverage holds inside each bin. Scores are kept, so any level can be asked for.
    """

    def __init__(self, bins: int = 1) -> None:
        super().__init__()
        self.bins = bins
        self.register_buffer("scores", torch.zeros(0, 0))
        self.register_buffer("group", torch.zeros(0, 0, dtype=torch.long))
        self.register_buffer("edges", torch.zeros(0, max(bins - 1, 0)))

    scores: Tensor
    group: Tensor
    edges: Tensor

    @torch.no_grad()
    def calibrate(self, mean: Tensor, spread: Tensor, truth: Tensor) -> SplitConformal:
        """Learn from rows ``(n, P)`` that no member was trained on; NaN truths are left out."""
        truth = truth.to(mean.dtype)
        self.scores = (truth - mean).abs() / spread
        inner = torch.linspace(0, 1, self.bins + 1, dtype=mean.dtype, device=mean.device)[1:-1]
        self.edges = torch.quantile(mean, inner, dim=0).T.contiguous()
        self.group = self._bin(mean)
        return self

    def _bin(self, mean: Tensor) -> Tensor:
        return (mean.unsqueeze(-1) > self.edges).sum(dim=-1)

    def factors(self, level: float) -> Tensor:
        """Quantiles ``(P, bins)``: half widths in units of the spread."""
        rows = []
        for scores, group in zip(self.scores.T, self.group.T, strict=True):
            known = torch.isfinite(scores)
            parts = [scores[known & (group == index)] for index in range(self.bins)]
            rows.append(torch.stack([finite_sample_quantile(part, level) for part in parts]))
        return torch.stack(rows) if rows else self.scores.new_zeros(0, self.bins)

    @torch.no_grad()
    def interval(self, mean: Tensor, spread: Tensor, level: float) -> tuple[Tensor, Tensor]:
        """Low and high bounds ``(B, P)`` that cover the truth with probability ``level``."""
        half = self.factors(level).T.gather(0, self._bin(mean)) * spread
        return mean - half, mean + half
