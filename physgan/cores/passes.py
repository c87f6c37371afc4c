"""Passes of a stepper through a window: on its own states, and on the real ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from tensordict import TensorDict
from torch import Tensor

from physgan.cores.window import Window
from physgan.sequences import Stepper

Project = Callable[[TensorDict, TensorDict], TensorDict]
"""A prediction and the context of its pass to the prediction after the projections."""


class Pass(NamedTuple):
    """A pass from ``state``: what the stepper said, that after the projections, where it led."""

    state: TensorDict
    said: TensorDict
    projected: TensorDict
    after: TensorDict
    hidden: Tensor | None


class Forced(NamedTuple):
    """A teacher-forced run: hidden states ``(B, T, H)`` and the mean error, a scalar."""

    hidden: Tensor
    error: Tensor


def unroll(
    stepper: Stepper, window: Window, condition: Tensor, project: Project, gradient: str
) -> list[Pass]:
    """The passes of ``window``, on the stepper's own states from the first on.

    ``gradient``: ``each`` cuts it between passes, ``last`` has it in the last pass alone, ``all``
    lets it through the states. A hidden state is never cut but by ``last``.
    """
    state, hidden, made = window.state, stepper.initial(window.state), []
    for k in range(window.passes):
        graded = gradient != "last" or k + 1 == window.passes
        with torch.set_grad_enabled(graded and torch.is_grad_enabled()):
            said, hidden = stepper(state, condition, stepper.noise(state), hidden)
            projected = project(said, window.given(state, k))
            after = stepper.settle(projected, state)
        made.append(Pass(state, said, projected, after, hidden))
        state = after if gradient == "all" else after.detach()
    return made


def teach(stepper: Stepper, window: Window, condition: Tensor, project: Project) -> Forced:
    """Hidden states and errors of a stepper with memory when each pass starts from the real
    state."""
    hidden, states, errors = stepper.initial(window.truth[0]), [], []
    for k in range(window.passes):
        now, given = window.truth[k], window.given(window.truth[k], k)
        said, hidden = stepper(now, condition, stepper.noise(now), hidden)
        assert hidden is not None
        states.append(hidden)
        error = stepper.error(project(said, given), now, window.truth[k + 1], given)
        errors.append(error.mean())
    return Forced(torch.stack(states, dim=1), torch.stack(errors).mean())


def hidden_of(made: Sequence[Pass]) -> Tensor:
    """Hidden states ``(B, T, H)`` after the passes ``made``."""
    return torch.stack([p.hidden for p in made if p.hidden is not None], dim=1)


def views(
    stepper: Stepper, window: Window, graded: Sequence[tuple[int, Pass]]
) -> tuple[dict[str, TensorDict], dict[str, TensorDict]]:
    """What critics of ``states`` and of ``pairs`` see of the real and of the made passes, one
    pass's rows after the other's."""
    real = _joined([stepper.seen(window.truth[k + 1]) for k, _ in graded])
    earlier = _joined([stepper.seen(window.truth[k]) for k, _ in graded])
    fake = _joined([stepper.foreseen(p.projected, p.state) for _, p in graded])
    own = _joined([stepper.seen(p.state) for _, p in graded])
    return (
        {"states": real, "pairs": _pair(earlier, real)},
        {"states": fake, "pairs": _pair(own, fake)},
    )


def _joined(parts: Sequence[TensorDict]) -> TensorDict:
    return torch.cat(list(parts))  # type: ignore[return-value]


def _pair(before: TensorDict, after: TensorDict) -> TensorDict:
    return TensorDict({"before": before, "after": after}, [len(after)])
