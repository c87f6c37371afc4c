"""A world of words with a planted weakness: a guide with a false bonus for one run of words.

Truth is a sum over places. The guide knows that sum exactly, and believes besides that each row
that holds WWW is better by ``BONUS``, which no row of its data has ever contradicted.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from tensordict import TensorDict
from torch import Tensor

from physgan.audit.exploitation import Judges, Words
from physgan.audit.material import Rows

LETTERS = "ACDEFGHW"
LENGTH, ROWS, W, BONUS = 8, 300, LETTERS.index("W"), 4.0


def rows_of(hot: Tensor) -> Rows:
    """Rows of relaxed words ``(B, L, V)`` alone."""
    size = [len(hot)]
    return Rows(TensorDict({"words": hot}, size), torch.zeros(len(hot), 0), TensorDict({}, size))


def holds_www(hot: Tensor) -> Tensor:
    """Differentiable: how many runs of three W each row has, ``(B,)``."""
    w = hot[..., W]
    return (w[:, :-2] * w[:, 1:-1] * w[:, 2:]).sum(dim=1)


class World:
    """Data, truth, auditor (least squares on the words) and the planted guide."""

    def __init__(self, seed: int = 0) -> None:
        random = torch.Generator().manual_seed(seed)
        self.table = 0.15 * torch.randn(LENGTH, len(LETTERS), generator=random, dtype=torch.double)
        self.table[:, W] = 0.0
        tokens = torch.randint(len(LETTERS), (ROWS, LENGTH), generator=random)
        hot = torch.eye(len(LETTERS), dtype=torch.double)[tokens]
        self.hot = hot[holds_www(hot) == 0]
        self.values = self.truth(self.hot)
        design = self.hot.flatten(1)
        self.least = torch.linalg.lstsq(design, self.values[:, None], driver="gelsd").solution[:, 0]
        self.data = rows_of(self.hot)

    def truth(self, hot: Tensor) -> Tensor:
        return (hot * self.table).sum(dim=(1, 2))

    def judges(self, weights: Tensor | None = None) -> Judges:
        """The planted guide (or one with fitted ``weights``), the auditor and the truth."""
        guide = self.guide(self.planted() if weights is None else weights)
        return Judges(
            guide,
            lambda rows: rows.x["words"].flatten(1) @ self.least,
            lambda rows: self.truth(rows.x["words"]),
            float(self.values.std()),
        )

    def planted(self) -> Tensor:
        return torch.cat([self.table.flatten(), torch.tensor([BONUS], dtype=torch.double)])

    def guide(self, weights: Tensor) -> Callable[[Rows], Tensor]:
        return lambda rows: features(rows.x["words"]) @ weights

    def fit(self, rows: Rows, labels: Tensor) -> Callable[[Rows], Tensor]:
        """Ridge to the planted weights, on the data and ``rows``: what no row contradicts stays."""
        design = torch.cat([features(self.hot), features(rows.x["words"])])
        target = torch.cat([self.values, labels])
        start, small = self.planted(), 1e-3
        square = design.T @ design + small * torch.eye(design.shape[1], dtype=torch.double)
        self.weights = start + torch.linalg.solve(square, design.T @ (target - design @ start))
        return self.guide(self.weights)

    def words(self, hot: Tensor | None = None) -> Words:
        return Words(rows_of(self.hot if hot is None else hot), "words")


def features(hot: Tensor) -> Tensor:
    return torch.cat([hot.flatten(1), holds_www(hot)[:, None]], dim=1)


def trained_generator(
    guide: Callable[[Rows], Tensor], steps: int = 150, seed: int = 0, every: int | None = None
) -> tuple[Tensor, list[tuple[int, Rows]]]:
    """Designs ``(256, L, V)`` of a generator that raises ``guide`` by straight-through samples, and
    its designs each ``every`` steps."""
    random = torch.Generator().manual_seed(seed)
    logits = torch.zeros(LENGTH, len(LETTERS), dtype=torch.double, requires_grad=True)
    optimiser = torch.optim.Adam([logits], lr=0.1)

    def sample() -> Tensor:
        noise = -torch.rand(256, *logits.shape, generator=random, dtype=torch.double).log()
        soft = (logits - noise.log()).softmax(dim=-1)
        hard = torch.eye(len(LETTERS), dtype=torch.double)[soft.argmax(dim=-1)]
        return hard + soft - soft.detach()

    snapshots = []
    for step in range(steps):
        if every is not None and step % every == 0:
            snapshots.append((step, rows_of(sample().detach().round())))
        likely = logits.softmax(dim=-1)
        entropy = -(likely * likely.clamp(min=1e-9).log()).sum()
        loss = -guide(rows_of(sample())).mean() - 0.1 * entropy
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return sample().detach().round(), snapshots
