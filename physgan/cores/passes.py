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

Views = dict[str, TensorDict]
"""What each critic sees, by its name."""


class Pass(NamedTuple):
    """A pass from ``state``: what the stepper said, that after the projections, where it led."""

    state: TensorDict
    said: TensorDict
    projected: TensorDict
    after: TensorDict
    hidden: Tensor | None


class Forced(NamedTuple):
    """A teacher-forced run: behaviours ``(B, T, H)`` and the mean error, a scalar."""

    behaviour: Tensor
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
    """Behaviours and errors of a stepper when each pass starts from the real state."""
    hidden, behaviours, errors = stepper.initial(window.truth[0]), [], []
    for k in range(window.passes):
        now, given = window.truth[k], window.given(window.truth[k], k)
        said, hidden = stepper(now, condition, stepper.noise(now), hidden)
        behaviours.append(stepper.behaviour(said, hidden))
        error = stepper.error(project(said, given), now, window.truth[k + 1], given)
        errors.append(error.mean())
    return Forced(torch.stack(behaviours, dim=1), torch.stack(errors).mean())


def behaviours(stepper: Stepper, made: Sequence[Pass]) -> Tensor:
    """Behaviours ``(B, T, H)`` in the passes ``made``."""
    return torch.stack([stepper.behaviour(p.said, p.hidden) for p in made], dim=1)


def views(
    stepper: Stepper, window: Window, runs: Sequence[Sequence[Pass]], places: Sequence[int]
) -> tuple[Views, list[Views]]:
    """What critics of ``states`` and of ``pairs`` see of the real passes at ``places`` and of those
    of each of ``runs``, one pass's rows after the other's."""
    real = _joined([stepper.seen(window.truth[k + 1]) for k in places])
    earlier = _joined([stepper.seen(window.truth[k]) for k in places])
    fakes = []
    for run in runs:
        graded = [run[k] for k in places]
        fake = _joined([stepper.foreseen(p.projected, p.state) for p in graded])
        own = _joined([stepper.seen(p.state) for p in graded])
        fakes.append({"states": fake, "pairs": _pair(own, fake)})
    return {"states": real, "pairs": _pair(earlier, real)}, fakes


def _joined(parts: Sequence[TensorDict]) -> TensorDict:
    return torch.cat(list(parts))  # type: ignore[return-value]


def _pair(before: TensorDict, after: TensorDict) -> TensorDict:
    return TensorDict({"before": before, "after": after}, [len(after)])
