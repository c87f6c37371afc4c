"""A batch of windows as a stepper goes through it: where it starts, and what really followed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor

from physgan.cores.own_states import OwnStates
from physgan.errors import InputError
from physgan.sequences import at, context
from physgan.tensors import keep_rows


@dataclass(frozen=True)
class Window:
    """``state (B,)`` is where the stepper starts; ``truth`` are the real states before the first
    pass and after each; ``rows`` what each pass has beside them, empty where there is nothing."""

    state: TensorDict
    truth: Sequence[TensorDict]
    y: TensorDict
    rows: Sequence[TensorDict]

    @property
    def passes(self) -> int:
        """How many passes there are."""
        return len(self.truth) - 1

    def given(self, state: TensorDict, k: int) -> TensorDict:
        """The context of the ``k``-th pass, from 0, when it goes from ``state``."""
        return context(state, self.y, self.rows[k] if self.rows else None)


def before(batch: TensorDict) -> TensorDict:
    """The state before the windows of ``batch``; InputError where there is none."""
    state = batch["given"].exclude("passes")
    if not state.keys():
        raise InputError("a window needs the state before it, in given")
    return state


def whole(batch: TensorDict, passes: int) -> Window:
    """The first ``passes`` passes of the windows in ``batch``."""
    state, sides = before(batch), batch["given"].get("passes", None)
    truth = [state, *(at(batch["x"], k) for k in range(passes))]
    rows = [] if sides is None else [at(sides, k) for k in range(passes)]
    return Window(state, truth, batch["y"], rows)


def aged(batch: TensorDict, store: OwnStates, share: float) -> tuple[Window, TensorDict]:
    """One pass for each row of ``batch``, a ``share`` of which gives way to the stepper's own
    states in ``store``, and the same rows as ``kept`` takes them."""
    old = store.take(int(share * len(batch)))
    count = len(batch) - (0 if old is None else len(old))
    fresh = batch[:count]
    rows: Any = fresh.select("x", "y")
    rows["state"] = before(fresh)
    if (sides := fresh["given"].get("passes", None)) is not None:
        rows["passes"] = sides
    leaf = next(iter(rows.values(include_nested=True, leaves_only=True)))
    rows["age"] = torch.zeros(count, dtype=torch.long, device=leaf.device)
    if old is not None:
        rows = torch.cat([rows.to(leaf.device), old.to(leaf.device)])
    age = rows["age"]
    earlier = _frame(rows["x"], (age - 1).clamp(min=0))
    real = keep_rows(age == 0, rows["state"], earlier)
    beside = [] if sides is None else [_frame(rows["passes"], age)]
    return Window(rows["state"], [real, _frame(rows["x"], age)], rows["y"], beside), rows


def kept(rows: TensorDict, after: TensorDict, passes: int) -> TensorDict | None:
    """``rows`` gone on to the states ``after``, those that have a further pass of ``passes``."""
    rows = rows.clone(recurse=False)
    rows["state"], rows["age"] = after, rows["age"] + 1
    chosen = rows["age"] < passes
    return rows[chosen] if bool(chosen.any()) else None


def _frame(frames: TensorDict, index: Tensor) -> TensorDict:
    rows = torch.arange(len(index), device=index.device)
    return frames.apply(lambda leaf: leaf[rows, index], batch_size=[len(index)])  # type: ignore[return-value]
