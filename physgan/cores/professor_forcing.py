"""Professor forcing: a stepper that behaves alike on data and on its own output (1610.09038).

A stepper trained on data alone meets states at inference that training never showed it. A critic
tells its behaviours in a sequence of passes from data (teacher forced) from those on its own
outputs (free running); the stepper minimises, beside its error on the data,

    gate [ objective(D(free)) ],     or with ``both`` the game's two terms swapped.

A behaviour is a vector of the network's state in a pass (section 2.2): its hidden state, or without
memory its activations (``Stepper.behaviour``).

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
from physgan.errors import InputError
from physgan.objectives import Objective, build
from physgan.tensors import full_precision


class BehaviourCritic(nn.Module):
    """A recurrent network in both directions over behaviours: ``(B, T, H) -> Verdict``."""

    def __init__(self, behaviour_dim: int, width: int = 64) -> None:
        super().__init__()
        self.reader = nn.GRU(behaviour_dim, width, batch_first=True, bidirectional=True)
        self.features = nn.Sequential(nn.Linear(2 * width, width), nn.SiLU())
        self.score = nn.Linear(width, 1)

    def forward(self, behaviour: Tensor) -> Verdict:
        features = self.features(self.reader(behaviour)[0].mean(dim=1))
        return Verdict(full_precision(self.score(features)[:, 0]), features)


@dataclass(frozen=True)
class Rules:
    """Accuracies of the critic above which it rests, ``critic``, and from which the stepper
    listens, ``stepper``. ``both`` also pulls teacher-forced behaviour towards free runs (the
    paper's optional second term). ``width`` is the critic's. InputError for what is no share."""

    both: bool = False
    critic: float = 0.99
    stepper: float = 0.75
    width: int = 64

    def __post_init__(self) -> None:
        if not (0 <= self.critic <= 1 and 0 <= self.stepper <= 1 and self.width >= 1):
            raise InputError(
                f"professor forcing with the gates {self.critic}, {self.stepper}, a critic of "
                f"width {self.width}",
                fix="gates from 0 to 1, a width of 1 or more",
            )

    @property
    def gated(self) -> bool:
        """Whether accuracies matter."""
        return self.critic < 1 or self.stepper > 0


class ProfessorForcing(nn.Module):
    """The game over behaviours ``(B, T, H)``; ``critic`` is the core's player ``behaviour``.

    InputError for an objective that needs more than one critic's view of two batches, and for one
    whose scores have no sign that the gates could read.
    """

    def __init__(
        self, behaviour_dim: int, objective: Objective | None = None, rules: Rules | None = None
    ) -> None:
        super().__init__()
        self.rules = rules or Rules()
        self.critic = BehaviourCritic(behaviour_dim, self.rules.width)
        self.objective = build("non-saturating") if objective is None else objective
        if not self.objective.two_sided:
            raise InputError(
                "professor forcing needs an objective of scores or features of two batches",
                fix="choose professor_objective non-saturating, minimax or hinge",
            )
        if self.rules.gated and not self.objective.signed:
            raise InputError(
                "the gates of professor forcing read the sign of scores, which says nothing in "
                "its objective",
                fix="choose professor_objective non-saturating, minimax or hinge, or open the "
                "gates by professor_constants critic=1, stepper=0",
            )

    def critic_turn(self, forced: Tensor, free: Tensor) -> tuple[Turn, Tensor]:
        """The critic's move, and its accuracy before it, a scalar."""
        forced, free = forced.detach(), free.detach()
        real, fake = self._judge(forced), self._judge(free)
        accuracy = self.accuracy(real, fake)
        listens = (accuracy <= self.rules.critic).to(real.score)
        loss = self.objective.critic_loss(real, fake)
        logs = {"behaviour": loss.detach(), "accuracy": accuracy}
        self._played = (real, fake)

        def again() -> tuple[Loss, ...]:
            anew = self.objective.critic_loss(self._judge(forced), self._judge(free))
            return (Loss(listens * anew, ("behaviour",)),)

        return Turn((Loss(listens * loss, ("behaviour",)),), ("behaviour",), logs, again), accuracy

    @torch.no_grad()
    def moved(self) -> None:
        """After the critic's move: what the objective keeps account of."""
        self.objective.after_critic_step(self.critic, *self._played)
        del self._played

    def against(self, forced: Tensor, free: Tensor, accuracy: Tensor) -> Tensor:
        """The stepper's loss, zero while the critic's ``accuracy`` is below the gate."""
        with resting(self.critic):
            fake = self._judge(free)
            if self.rules.both:
                loss = self.objective.makers_loss(self._judge(forced), fake)
            else:
                loss = self.objective.generator_loss(self._judge(forced.detach()), fake)
        return (accuracy >= self.rules.stepper).to(loss) * loss

    def _judge(self, behaviour: Tensor) -> Verdict:
        return self.critic(behaviour)

    @staticmethod
    def accuracy(real: Verdict, fake: Verdict) -> Tensor:
        """Share of sequences whose logit has the right sign, a scalar; a tie counts half."""
        right = [(s > 0).double() + 0.5 * (s == 0) for s in (real.score, -fake.score)]
        return torch.cat(right).mean()
