"""A run of a simulation cut into the windows that steppers are trained on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from tensordict import TensorDict

from physgan.errors import InputError


def windows(
    states: TensorDict,
    y: Mapping[str, float],
    passes: int,
    *,
    every: int = 1,
    sides: TensorDict | None = None,
) -> TensorDict:
    """Windows ``(N,)`` with ``x``, ``y`` and ``given`` of one run's ``states (T,)``.

    A window is a state and the ``passes`` that follow it; a new one starts at ``every``-th state.
    ``y`` holds the same for the whole run; ``sides (T-1,)`` are data of each pass. As a window is
    cut from one run, none crosses to another. Raises InputError for a run that is too short.
    """
    count = len(states)
    if passes < 1 or every < 1:
        raise InputError(f"windows of {passes} passes at every {every} states", fix="both from 1")
    if count <= passes:
        raise InputError(f"a run of {count} states has no window of {passes} passes")
    first = torch.arange(0, count - passes, every)
    after = first[:, None] + torch.arange(1, passes + 1)
    n = len(first)
    given = TensorDict(dict(states[first].items()), [n])
    if sides is not None:
        given["passes"] = sides[after - 1].auto_batch_size_(1)
    x = states[after].auto_batch_size_(1)
    told = {name: torch.full((n,), float(value)) for name, value in y.items()}
    return TensorDict({"x": x, "y": TensorDict(told, [n]), "given": given}, [n])


def joined(parts: Iterable[TensorDict], rows: int, folder: Path | None = None) -> TensorDict:
    """The windows ``parts``, ``rows`` at most, as one; with ``folder`` they are written there one
    after the other and mapped into memory, so that they need not fit in it."""
    if folder is None:
        return torch.cat(list(parts))  # type: ignore[arg-type,return-value]
    store, place = None, 0
    for part in parts:
        if store is None:
            store = part[:1].expand(rows).memmap_like(str(folder))
        store[place : place + len(part)].update_(part)
        place += len(part)
    if store is None:
        raise InputError("there are no windows to join")
    return store[:place]


def bytes_of(batch: TensorDict) -> int:
    """What the leaves of ``batch`` take in memory."""
    leaves: Any = batch.values(include_nested=True, leaves_only=True)
    return sum(leaf.numel() * leaf.element_size() for leaf in leaves)
