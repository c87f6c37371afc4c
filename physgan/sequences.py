"""The words of sequence problems: a stepper, what is watched at each step, a domain that has both.

A **state** is a TensorDict ``(B,)`` of the domain's own leaves. A row of the data is a window:

    given   the state before the window; under ``passes``, where laws or errors need it, data of
            each pass beside the states, leaves ``(B, K, ...)``
    x       the K states that follow, the same leaves as a state, ``(B, K, ...)``
    y       what the whole window was made under, ``(B,)`` each: the step length in the domain's
            natural unit, coefficients

One **pass** goes from a state to the next. Errors, penalties and projections of a pass get as
``given`` its *context*: the state before, ``y`` under ``y`` in the user's units, and under
``pass`` the pass's own row of ``passes``, which a rollout beyond the data does not have.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tensordict import TensorDict
from torch import Tensor, nn

from physgan.domain import Domain, Generator
from physgan.errors import InputError

Project = Callable[[TensorDict], TensorDict]
"""Makes the laws hold exactly on a prediction."""

Values = Mapping[str, Tensor]
"""What ``y`` says, by property, ``(B,)`` each in the user's units."""


class Stepper(nn.Module, ABC):
    """One pass: state, condition, noise and, with a memory, a hidden state to the next state.

    ``hidden_dim`` is 0 for a stepper without memory, whose hidden state is None throughout.
    ``activation_dim`` is not 0 where ``forward`` puts ``activations (B, activation_dim)`` beside
    its prediction: what goes through its last layer, a mean over places.
    """

    hidden_dim: int = 0
    activation_dim: int = 0

    @abstractmethod
    def forward(
        self, state: TensorDict, condition: Tensor, z: Tensor | None, hidden: Tensor | None
    ) -> tuple[TensorDict, Tensor | None]:
        """The prediction ``(B,)`` in whatever form the methods below read, differentiable (the
        next field; probabilities of choices), and the next hidden state ``(B, hidden_dim)``.

        ``condition (B, C)`` is what the schema makes of ``y``; ``z`` what ``noise`` drew.
        """

    @abstractmethod
    def error(
        self, prediction: TensorDict, state: TensorDict, target: TensorDict, given: TensorDict
    ) -> Tensor:
        """How badly ``prediction`` from ``state`` says the next state ``target``, ``(B,)``: a
        negative log-likelihood in nats or a scaled square. ``given`` is the pass's context."""

    @abstractmethod
    def settle(self, prediction: TensorDict, state: TensorDict) -> TensorDict:
        """The next state: hard where states are discrete (gradients then pass straight through
        where a leaf can carry them); it has the leaves of ``state`` and no others."""

    def noise(self, state: TensorDict) -> Tensor | None:
        """A draw of z ``(B, ...)`` from torch's random state; None for a deterministic pass."""
        return None

    def initial(self, state: TensorDict) -> Tensor | None:
        """Hidden state before the first ``state``; zeros, or None without memory."""
        if not self.hidden_dim:
            return None
        leaf = next(iter(state.values(include_nested=True, leaves_only=True)))
        return next(self.parameters()).new_zeros(len(leaf), self.hidden_dim)

    @property
    def behaviour_dim(self) -> int:
        """The width of what ``behaviour`` tells; 0 for a stepper that does not tell."""
        return self.hidden_dim or self.activation_dim

    def behaviour(self, prediction: TensorDict, hidden: Tensor | None) -> Tensor:
        """What the network was like in the pass that gave both, ``(B, behaviour_dim)``,
        differentiable (Lamb et al. 2016, 1610.09038, section 2.2): its hidden state, or without
        memory its activations."""
        return prediction["activations"] if hidden is None else hidden

    def seen(self, state: TensorDict) -> TensorDict:
        """What critics see of a state ``(B,)``: floating leaves. The state itself by default."""
        return state

    def foreseen(self, prediction: TensorDict, state: TensorDict) -> TensorDict:
        """``seen`` of the state that ``prediction`` leads to, differentiable in the prediction; to
        be overridden where ``settle`` stops gradients."""
        return self.seen(self.settle(prediction, state))

    def advance(
        self,
        state: TensorDict,
        condition: Tensor,
        z: Tensor | None,
        hidden: Tensor | None,
        project: Project,
    ) -> tuple[TensorDict, Tensor | None]:
        """The next state and hidden state outside training; an override may be faster (only the
        pixels that matter, tiles, compiled loops) but must give the same."""
        prediction, hidden = self(state, condition, z, hidden)
        return self.settle(project(prediction), state), hidden


@dataclass(frozen=True)
class Watched:
    """A quantity of each state of a rollout, ``value (B,)`` in ``unit``.

    With a ``residual (B,)`` it is a law: broken where the residual exceeds ``tolerance``, both in
    ``residual_unit``, and the rollout stops there.
    """

    value: Tensor
    unit: str = ""
    residual: Tensor | None = None
    tolerance: float = float("inf")
    residual_unit: str = ""

    @property
    def broken(self) -> Tensor:
        """Where the law does not hold, ``(B,)``; a residual that is no number breaks it too."""
        if self.residual is None:
            return self.value.new_zeros(len(self.value)).bool()
        return ~(self.residual <= self.tolerance)


@dataclass(frozen=True)
class Pace:
    """What the next pass is made under, ``y``, and how long it takes, ``elapsed (B,)``, in the
    domain's ``time_unit``."""

    y: dict[str, Tensor]
    elapsed: Tensor


@dataclass(frozen=True)
class Truth:
    """A sequence of the reference: ``states (T,)`` at ``times (T,)``, all made under ``y``."""

    states: TensorDict
    times: np.ndarray
    y: Mapping[str, float]


class SequenceDomain(Domain):
    """A domain whose samples are the states of a sequence.

    ``properties`` name the leaves of ``y``. ``load`` gives windows (see the module); the native
    objects of ``decode``, ``encode``, ``write`` and ``draw`` are single states. Penalties and
    projections are of one pass: ``function(prediction, context)``. ``augment`` gets what critics
    see, a state or a pair, whose two states it changes alike.
    """

    time_unit: str = ""

    @abstractmethod
    def stepper(self, condition_dim: int, **options: Any) -> Stepper:
        """The network that is trained."""

    @abstractmethod
    def begin(self, path: Path | None, n: int, seed: int, **options: Any) -> TensorDict:
        """``n`` initial states ``(n,)``: of the file at ``path`` (one state is repeated), or by
        ``seed`` where there is none. ``options`` are the domain's (a size). Raises InputError."""

    @abstractmethod
    def watch(
        self, state: TensorDict, previous: TensorDict | None, y: Values, elapsed: Tensor | None
    ) -> dict[str, Watched]:
        """What is watched of ``state (B,)``, to which a pass under ``y`` that took ``elapsed``
        led from ``previous``; the latter and ``elapsed`` are None for a first state."""

    def pace(self, state: TensorDict, y: Values) -> Pace:
        """What the pass from ``state`` is made under, given what the user asked, ``y`` (some
        properties may be absent), and the time it takes; here a step length may adapt to the
        state. By default ``y["step"]``, which is then needed, is the time itself."""
        if "step" not in y:
            raise InputError("the step length is not stated", fix="give step=VALUE")
        return Pace(dict(y), y["step"])

    def truths(self, path: Path | None, split: str, n: int) -> list[Truth]:
        """``n`` sequences of ``split``, or as many as there are, that rollouts are held against;
        by default windows, which end after their K passes."""
        batch = self.load(path, split).batch
        found = []
        for row in np.unique(np.linspace(0, len(batch) - 1, min(n, len(batch))).astype(int)):
            window = batch[int(row) : int(row) + 1]
            states = [window["given"].exclude("passes")]
            states += [at(window["x"], k) for k in range(frames_of(window))]
            y = {name: value[:1] for name, value in window["y"].items()}
            elapsed = [float(self.pace(state, y).elapsed) for state in states[:-1]]
            times = np.cumsum([0.0, *elapsed])
            told = {name: float(value) for name, value in y.items()}
            found.append(Truth(torch.cat(states), times, told))
        return found

    def picture(self, state: TensorDict) -> np.ndarray:
        """An image ``(H, W, 3)`` of uint8 of the one state in ``state (1,)``, for films; by default
        what ``draw`` shows."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        canvas = FigureCanvasAgg(self.draw(self.decode(state)[0]))
        canvas.draw()
        return np.asarray(canvas.buffer_rgba())[..., :3].copy()

    def pair_critic(self, condition_dim: int, **options: Any) -> nn.Module:
        """``(x, condition, given) -> Verdict`` on pairs: x has ``before`` and ``after``, each as
        the stepper's ``seen``. ``critic`` gets ``seen`` of one state."""
        raise InputError(f"the domain {self.name!r} has no critic of pairs", fix="set pairs=false")

    def critic(self, condition_dim: int, **options: Any) -> nn.Module:
        raise InputError(f"the domain {self.name!r} has no critic", fix="set adversarial=0")

    def autoencoder_critic(self, condition_dim: int, **options: Any) -> nn.Module:
        """``critic`` that is an autoencoder of what is seen, see ``Domain``; of states of fixed
        shapes ``physgan.autoencoder_critic.AutoencodingCritic`` is one."""
        raise self._without_energies()

    def autoencoder_pair_critic(self, condition_dim: int, **options: Any) -> nn.Module:
        """``pair_critic`` that is an autoencoder."""
        raise self._without_energies()

    def generator(self, condition_dim: int, **options: Any) -> Generator:
        raise self._only_sequences()

    def encoder(self, condition_dim: int, **options: Any) -> nn.Module:
        raise self._only_sequences()

    def predictor(self, **options: Any) -> nn.Module:
        raise self._only_sequences()

    def recommended(self) -> dict[str, Any]:
        return {"core": "stepper-gan", "predictor_share": 0.0}

    def _without_energies(self) -> InputError:
        return InputError(
            f"the domain {self.name!r} has no critic that is an autoencoder",
            fix="choose an objective of scores, such as hinge, rpgan or wgan",
        )

    def _only_sequences(self) -> InputError:
        return InputError(
            f"the domain {self.name!r} makes sequences only", fix="choose the core stepper-gan"
        )


def at(frames: TensorDict, k: int) -> TensorDict:
    """The ``k``-th of ``frames``, leaves ``(B, K, ...)``, as a state ``(B,)``."""
    return frames.apply(lambda leaf: leaf[:, k], batch_size=frames.batch_size[:1])  # type: ignore[return-value]


def frames_of(batch: TensorDict) -> int:
    """How many states follow the first in each window of ``batch``."""
    return next(iter(batch["x"].values(include_nested=True, leaves_only=True))).shape[1]


def context(state: TensorDict, y: Values, row: TensorDict | None = None) -> TensorDict:
    """What errors, laws and projections of a pass from ``state`` get as ``given``."""
    told: dict[str, Any] = dict(state.items())
    told["y"] = TensorDict(dict(y.items()), state.batch_size)
    if row is not None:
        told["pass"] = row
    return TensorDict(told, state.batch_size)
