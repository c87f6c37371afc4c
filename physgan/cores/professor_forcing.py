"""Professor forcing: a stepper that behaves alike on data and on its own output (1610.09038).

A stepper trained on data alone meets states at inference that training never showed it. A critic
tells its hidden sequences under the data (teacher forced) from those on its own outputs (free
running); the stepper minimises

    NLL(data) + gate [ objective(D(free)) ],     or with ``both`` the game's two terms swapped.

Two gates keep the game fair (section 3.1): the critic rests while it is right on more than 99 % of
the sequences, the stepper ignores it while it is right on fewer than 75 %. A closed gate multiplies
its loss by zero, so nothing waits for the device and all processes of a run take the same turns.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from physgan.cores.base import Loss, Turn, resting
from physgan.domain import Verdict
from physgan.errors import InputError
from physgan.objectives import Objective, build


class Behaviour(NamedTuple):
    """Hidden states ``(B, T, H)``, and the states ``(B, T, ...)`` that the stepper saw."""

    hidden: Tensor
    seen: Tensor


class Stepper(nn.Module):
    """The contract of a network that goes through a sequence, one state at a time."""

    hidden_dim: int

    def initial(self, state: Tensor) -> Tensor:
        """Hidden state ``(B, hidden_dim)`` before the first ``state (B, ...)``."""
        return torch.zeros(len(state), self.hidden_dim, device=state.device)

    def forward(self, state: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """The prediction of the next state, in whatever form ``nll`` and ``feed`` read, and the
        next hidden state ``(B, hidden_dim)``."""
        raise NotImplementedError

    def nll(self, prediction: Tensor, target: Tensor) -> Tensor:
        """-log p ``(B,)`` of the state ``target`` under ``prediction``."""
        raise NotImplementedError

    def feed(self, prediction: Tensor) -> Tensor:
        """The state ``(B, ...)`` that a free run goes on with: a draw, or the likeliest."""
        raise NotImplementedError


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
    """Plays the game of ``stepper`` on sequences ``(B, T, ...)``; a core yields its ``turns``.

    ``adversarial`` weighs the stepper's term; ``both`` also pulls teacher-forced behaviour towards
    free runs (the paper's optional second term). ``critic`` maps ``(B, T, H)`` to logits ``(B,)``.
    """

    def __init__(
        self,
        stepper: Stepper,
        *,
        critic: nn.Module | None = None,
        objective: Objective | None = None,
        adversarial: float = 1.0,
        both: bool = False,
        gates: Gates | None = None,
    ) -> None:
        super().__init__()
        self.stepper = stepper
        self.critic = BehaviourCritic(stepper.hidden_dim) if critic is None else critic
        self.objective = build("non-saturating") if objective is None else objective
        self.adversarial, self.both = adversarial, both
        self.gates = gates or Gates()

    @property
    def players(self) -> Mapping[str, nn.Module]:
        """What the core that plays this game counts among its players."""
        return {"stepper": self.stepper, "critic": self.critic}

    def teacher(self, sequence: Tensor) -> tuple[Behaviour, Tensor]:
        """Behaviour on the states 0..T-2 of ``sequence (B, T, ...)`` and the mean NLL of 1..T-1.

        Raises InputError for fewer than two states.
        """
        if sequence.shape[1] < 2:
            raise InputError("a sequence needs two states at least to predict one")
        hidden, states, loss = self.stepper.initial(sequence[:, 0]), [], []
        for now, then in zip(sequence[:, :-1].unbind(1), sequence[:, 1:].unbind(1), strict=True):
            prediction, hidden = self.stepper(now, hidden)
            states.append(hidden)
            loss.append(self.stepper.nll(prediction, then))
        nll = torch.stack(loss, dim=1).mean()
        return Behaviour(torch.stack(states, dim=1), sequence[:, :-1]), nll

    def free(self, first: Tensor, steps: int) -> Behaviour:
        """Behaviour over ``steps`` states from ``first (B, ...)``, fed with its own outputs."""
        hidden, state = self.stepper.initial(first), first
        states, seen = [], []
        for _ in range(steps):
            seen.append(state)
            prediction, hidden = self.stepper(state, hidden)
            states.append(hidden)
            state = self.stepper.feed(prediction)
        return Behaviour(torch.stack(states, dim=1), torch.stack(seen, dim=1))

    def turns(self, sequence: Tensor) -> Iterator[Turn]:
        """The critic's move, then the stepper's, on one batch of sequences."""
        forced, nll = self.teacher(sequence)
        free = self.free(sequence[:, 0], sequence.shape[1] - 1)
        real, fake = self._judge(forced.hidden.detach()), self._judge(free.hidden.detach())
        accuracy = self.accuracy(real, fake)
        open_critic = (accuracy <= self.gates.critic).to(real.score)
        open_stepper = (accuracy >= self.gates.stepper).to(real.score)
        loss = self.objective.critic_loss(real, fake)
        logs = {"critic": loss.detach(), "accuracy": accuracy}
        yield Turn((Loss(open_critic * loss, ("critic",)),), ("critic",), logs)
        with torch.no_grad():
            self.objective.after_critic_step(self.critic, real, fake)
        with resting(self.critic):
            fake, real = self._judge(free.hidden), self._judge(forced.hidden)
            if self.both:
                against = self.objective.critic_loss(fake, real)
            else:
                still = Verdict(real.score.detach())
                against = self.objective.generator_loss(still, fake)
        total = nll + self.adversarial * open_stepper * against
        logs = {"nll": nll.detach(), "adversarial": against.detach()}
        yield Turn((Loss(total, ("stepper",)),), ("stepper",), logs)

    def _judge(self, hidden: Tensor) -> Verdict:
        return Verdict(self.critic(hidden))

    @staticmethod
    def accuracy(real: Verdict, fake: Verdict) -> Tensor:
        """Share of sequences whose logit has the right sign, a scalar; a tie counts half."""
        right = [(s > 0).double() + 0.5 * (s == 0) for s in (real.score, -fake.score)]
        return torch.cat(right).mean()
