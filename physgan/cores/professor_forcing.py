"""Professor forcing: a stepper that behaves alike on data and on its own output (1610.09038).

A stepper trained on data alone meets states at inference that training never showed it. A critic
tells its hidden sequences under the data (teacher forced) from those on its own outputs (free
running); the stepper minimises, beside its error on the data,

    gate [ objective(D(free)) ],     or with ``both`` the game's two terms swapped.

Two gates keep the game fair (section 3.1): the critic rests while it is right on more than 99 % of
the sequences, the stepper ignores it while it is right on fewer than 75 %. A closed gate multiplies
its loss by zero, so nothing waits for the device and all processes of a run take the same turns.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from physgan.cores.base import Loss, Turn, resting
from physgan.domain import Verdict
from physgan.objectives import Objective, build


class BehaviourCritic(nn.Module):
    """A recurrent network in both directions over hidden states: ``(B, T, H) -> (B,)``."""

    def __init__(self, hidden_dim: int, width: int = 64) -> None:
        super().__init__()
        self.reader = nn.GRU(hidden_dim, width, batch_first=True, bidirectional=True)
        self.score = nn.Sequential(nn.Linear(2 * width, width), nn.SiLU(), nn.Linear(width, 1))

    def forward(self, hidden: Tensor) -> Tensor:
        return self.score(self.reader(hidden)[0].mean(dim=1))[:, 0]


@dataclass(frozen=True)
class Gates:
    """Accuracies of the critic above which it rests, and from which the stepper listens."""

    critic: float = 0.99
    stepper: float = 0.75


class ProfessorForcing(nn.Module):
    """The game over hidden sequences ``(B, T, H)``; a core that has a stepper with memory plays it.

    ``both`` also pulls teacher-forced behaviour towards free runs (the paper's optional second
    term). ``critic`` maps ``(B, T, H)`` to logits ``(B,)``; it is the core's player ``behaviour``.
    """

    def __init__(
        self,
        hidden_dim: int,
        *,
        critic: nn.Module | None = None,
        objective: Objective | None = None,
        both: bool = False,
        gates: Gates | None = None,
    ) -> None:
        super().__init__()
        self.critic = BehaviourCritic(hidden_dim) if critic is None else critic
        self.objective = build("non-saturating") if objective is None else objective
        self.both, self.gates = both, gates or Gates()

    def critic_turn(self, forced: Tensor, free: Tensor) -> tuple[Turn, Tensor]:
        """The critic's move, and its accuracy before it, a scalar."""
        real, fake = self._judge(forced.detach()), self._judge(free.detach())
        accuracy = self.accuracy(real, fake)
        listens = (accuracy <= self.gates.critic).to(real.score)
        loss = self.objective.critic_loss(real, fake)
        logs = {"behaviour": loss.detach(), "accuracy": accuracy}
        self._played = (real, fake)
        return Turn((Loss(listens * loss, ("behaviour",)),), ("behaviour",), logs), accuracy

    @torch.no_grad()
    def moved(self) -> None:
        """After the critic's move: what the objective keeps account of."""
        self.objective.after_critic_step(self.critic, *self._played)
        del self._played

    def against(self, forced: Tensor, free: Tensor, accuracy: Tensor) -> Tensor:
        """The stepper's loss, zero while the critic's ``accuracy`` is below the gate."""
        with resting(self.critic):
            fake, real = self._judge(free), self._judge(forced)
            if self.both:
                loss = self.objective.critic_loss(fake, real)
            else:
                loss = self.objective.generator_loss(Verdict(real.score.detach()), fake)
        return (accuracy >= self.gates.stepper).to(loss) * loss

    def _judge(self, hidden: Tensor) -> Verdict:
        return Verdict(self.critic(hidden))

    @staticmethod
    def accuracy(real: Verdict, fake: Verdict) -> Tensor:
        """Share of sequences whose logit has the right sign, a scalar; a tie counts half."""
        right = [(s > 0).double() + 0.5 * (s == 0) for s in (real.score, -fake.score)]
        return torch.cat(right).mean()
