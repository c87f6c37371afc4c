"""The critics of one game, each with its own view of the same samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from physgan.cores.base import Loss, Turn
from physgan.cores.judge import Judge
from physgan.cores.passes import Views
from physgan.cores.replay import recorded


class Judges(nn.ModuleDict):
    """Judges of one objective by the names of what they see; together they are the core's player
    ``critic``."""

    def each(self) -> dict[str, Judge]:
        """The judges by name."""
        return dict(self.items())  # type: ignore[arg-type]

    @property
    def learning(self) -> bool:
        """Whether there are critics, which learn."""
        return any(judge.critic is not None for judge in self.each().values())

    @property
    def fakes(self) -> int:
        """How many independent fakes the objective reads."""
        return max((judge.objective.fakes for judge in self.each().values()), default=1)

    def turn(self, real: Views, fakes: Sequence[Views], condition: Tensor) -> Iterator[Turn]:
        """The critics' move, none of whose gradient reaches the samples."""
        told, again = recorded(self._losses, real, fakes, condition)

        def replay() -> tuple[Loss, ...]:
            for judge in self.each().values():
                judge.regularizer.rewind()
            return (Loss(again(real, fakes, condition)[0], ("critic",)),)

        yield Turn((Loss(told[0], ("critic",)),), ("critic",), told[1], replay)
        for judge in self.each().values():
            judge.moved()

    def against(self, real: Views, fakes: Sequence[Views], condition: Tensor) -> Tensor:
        """The loss of the side that made ``fakes``, over all judges, while they rest."""
        losses = [
            judge.against(real[name], [fake[name] for fake in fakes], condition)
            for name, judge in self.each().items()
        ]
        return torch.stack(losses).sum()

    def report(self) -> dict[str, float]:
        """Slow-moving state worth logging."""
        return {
            f"{name}_{key}": value
            for name, judge in self.each().items()
            for key, value in judge.report().items()
        }

    def _losses(
        self, real: Views, fakes: Sequence[Views], condition: Tensor
    ) -> tuple[Tensor, dict[str, Tensor]]:
        losses, logs = [], {}
        for name, judge in self.each().items():
            lied = [fake[name].detach() for fake in fakes]
            loss, said = judge.critic_loss(real[name].detach(), lied, condition)
            losses.append(loss)
            logs |= {f"{name}_{key}": value for key, value in said.items()}
        return torch.stack(losses).sum(), logs
