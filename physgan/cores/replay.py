"""Computing something again with the random numbers of its first time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
from torch import Tensor

T = TypeVar("T")


def recorded(compute: Callable[..., T], *arguments: Any) -> tuple[T, Callable[..., T]]:
    """``compute(*arguments)``, and a function that computes it again, with other arguments if
    need be, from torch's random state of this call and leaves the present state as it is."""
    then = _states()

    def again(*arguments: Any) -> T:
        now = _states()
        _restore(then)
        try:
            return compute(*arguments)
        finally:
            _restore(now)

    return compute(*arguments), again


def _states() -> tuple[Tensor, Tensor | None]:
    device = torch.cuda.get_rng_state() if torch.cuda.is_initialized() else None
    return torch.get_rng_state(), device


def _restore(states: tuple[Tensor, Tensor | None]) -> None:
    torch.set_rng_state(states[0])
    if states[1] is not None:
        torch.cuda.set_rng_state(states[1])
