"""Latents chosen among several draws: what the flow cannot say, a classifier adds.

A flow is smooth and encodings of discrete things are not, so the clusters of its samples have
slightly wrong shares. The density ratio r(z, c) of encodings to samples, which is what a classifier
between them learns, mends it: of K draws one is kept with probability r / sum r (sampling
importance resampling; resampled priors, Bauer & Mnih, 1810.11428).
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

CHECKS = 10
Sampler = Callable[[Tensor], Tensor]
"""``condition (B, C) -> z (B, Z)``."""
Encodings = tuple[Tensor, Tensor, Tensor]
"""Posterior mean and scale ``(N, Z)`` and condition ``(N, C)``."""


class Resampler(nn.Module):
    """Keeps one of ``proposals`` draws; until it has been fitted, the first and only one."""

    mean: Tensor
    std: Tensor
    fitted: Tensor

    def __init__(
        self, latent_dim: int, condition_dim: int, *, proposals: int = 8, hidden: int = 256
    ) -> None:
        super().__init__()
        self.proposals = proposals
        self.ratio = nn.Sequential(
            nn.Linear(latent_dim + condition_dim, hidden), nn.SiLU(),
            nn.Linear(hidden, hidden), nn.SiLU(), nn.Linear(hidden, 1),
        )  # fmt: skip
        self.register_buffer("mean", torch.zeros(latent_dim))
        self.register_buffer("std", torch.ones(latent_dim))
        self.register_buffer("fitted", torch.tensor(False))
        self.requires_grad_(False)

    def log_ratio(self, z: Tensor, condition: Tensor) -> Tensor:
        """log r(z, c), ``(B,)``, up to a constant."""
        scaled = (z - self.mean) / self.std
        return self.ratio(torch.cat([scaled, condition], dim=1)).squeeze(1)

    def sample(self, draw: Sampler, condition: Tensor) -> Tensor:
        """One z per row of ``condition``, of several that ``draw`` gives."""
        if not self.fitted:
            return draw(condition)
        many = condition.repeat_interleave(self.proposals, dim=0)
        z = draw(many)
        weights = self.log_ratio(z, many).view(-1, self.proposals)
        gumbel = -torch.log(-torch.log(torch.rand_like(weights).clamp(1e-20, 1 - 1e-7)))
        chosen = (weights + gumbel).argmax(dim=1)
        return z.view(len(condition), self.proposals, -1)[torch.arange(len(chosen)), chosen]

    def fit(
        self,
        draw: Sampler,
        train: Encodings,
        held: Encodings,
        *,
        seconds: float,
        lr: float = 1e-3,
        batch_size: int = 512,
    ) -> tuple[float, int]:
        """Learn to tell encodings from draws within ``seconds``; weights that do so best on
        ``held`` are kept, none where they do not beat a coin.

        Returns nats gained on held-out pairs over the coin (0: nothing was kept), and the steps.
        """
        begun, steps, checked = time.monotonic(), 0, 0
        self.mean.copy_(train[0].mean(dim=0))
        self.std.copy_(train[0].std(dim=0).clamp(min=1e-3))
        judged = (_noisy(*held[:2]), draw(held[2]), held[2])
        best, kept = 0.0, None
        self.ratio.requires_grad_(True)
        optimiser = torch.optim.AdamW(self.ratio.parameters(), lr=lr, weight_decay=1e-3)
        while (spent := (time.monotonic() - begun) / seconds) < 1:
            for rows in torch.randperm(len(train[0])).split(batch_size):
                spent = min(1.0, (time.monotonic() - begun) / seconds)
                anneal(optimiser, lr, spent)
                mean, scale, condition = (part[rows] for part in train)
                with torch.no_grad():
                    made = draw(condition)
                loss = -self._gain(_noisy(mean, scale), made, condition)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                steps += 1
            if spent * CHECKS >= checked:
                checked += 1
                with torch.no_grad():
                    now = float(self._gain(*judged))
                if now > best:
                    best, kept = now, copy.deepcopy(self.ratio.state_dict())
        if kept is not None:
            self.ratio.load_state_dict(kept)
        self.fitted.fill_(kept is not None)
        self.requires_grad_(False)
        return best, steps

    def _gain(self, real: Tensor, made: Tensor, condition: Tensor) -> Tensor:
        """Mean log-likelihood of telling the two apart, over that of a coin."""
        right = F.logsigmoid(self.log_ratio(real, condition)).mean()
        wrong = F.logsigmoid(-self.log_ratio(made, condition)).mean()
        return (right + wrong) / 2 + math.log(2)


def anneal(optimiser: torch.optim.Optimizer, lr: float, spent: float) -> None:
    """Let the rate fall from ``lr`` to zero as a cosine of the share ``spent`` of the time."""
    for group in optimiser.param_groups:
        group["lr"] = lr * 0.5 * (1 + math.cos(math.pi * spent))


def _noisy(mean: Tensor, scale: Tensor) -> Tensor:
    return mean + scale * torch.randn_like(mean)
