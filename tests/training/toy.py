"""A small game with a known answer: learn the mean of a Gaussian."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from physgan.cores.base import Core, Draw, Loss, Turn


class Toy(Core):
    """Generator shift + noise, a linear critic with R1-like decay, dropout and a multiplier."""

    averaged = ("generator",)

    def __init__(self, poison_from: int | None = None) -> None:
        super().__init__()
        self.generator = nn.Linear(2, 2)
        self.critic = nn.Sequential(nn.Linear(2, 8), nn.Dropout(0.1), nn.Tanh(), nn.Linear(8, 1))
        self.register_buffer("multiplier", torch.zeros(()))
        self.poison_from = poison_from
        self.poisoned: list[int] = []

    @property
    def players(self) -> Mapping[str, nn.Module]:
        return {"generator": self.generator, "critic": self.critic}

    def turns(self, draw: Draw, step: int) -> Iterator[Turn]:
        real = draw()["x", "value"]
        fake = self.generator(torch.randn_like(real))
        gap = self.critic(fake.detach()).mean() - self.critic(real).mean()
        decay = sum(p.square().sum() for p in self.critic.parameters())
        yield Turn((Loss(gap + 0.05 * decay, ("critic",)),), ("critic",), {"gap": gap.detach()})
        excess = fake.square().mean() - 2
        against = -self.critic(fake).mean()
        if self.poison_from is not None and step >= self.poison_from:
            self.poisoned.append(step)
            against = against * float("nan")
        self.multiplier += 0.01 * excess.detach()
        losses = (
            Loss(against, ("generator",)),
            Loss(self.multiplier.detach() * excess, ("generator",)),
        )
        yield Turn(losses, ("generator",), {"law_power": excess.detach()})

    @torch.no_grad()
    def sample(self, condition: Tensor, given: TensorDict) -> TensorDict:
        return TensorDict(
            {"value": self.generator(torch.randn(len(condition), 2))}, [len(condition)]
        )

    def validation_loss(self, batch: TensorDict) -> dict[str, Tensor]:
        drawn = self.generator(torch.randn_like(batch["x", "value"]))
        return {"shift": (drawn.mean(0) - batch["x", "value"].mean(0)).square().sum()}

    def report(self) -> dict[str, float]:
        return {"multiplier_power": float(self.multiplier)}


def gaussian(rows: int = 100, seed: int = 0) -> TensorDict:
    """Rows of N((1, -1), 0.25)."""
    generator = torch.Generator().manual_seed(seed)
    value = torch.tensor([1.0, -1.0]) + 0.5 * torch.randn(rows, 2, generator=generator)
    return TensorDict({"x": {"value": value}, "y": {}, "given": {}}, [rows])


def make(seed: int = 0, **options: int | None) -> Toy:
    """A toy core with fixed initial weights."""
    torch.manual_seed(seed)
    return Toy(**options)
