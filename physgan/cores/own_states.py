"""A store of states that a stepper made itself, to be trained on later at the price of one pass."""

from __future__ import annotations

from typing import Any

import torch
from tensordict import TensorDict
from torch import nn


class OwnStates(nn.Module):
    """At most ``size`` rows, each with the stepper's own ``state`` and the ``age`` in passes that
    it has in its window; the oldest go first (a replay buffer, as of Lin 1992).

    The content is extra state, so that a resumed run goes on with it.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.rows: TensorDict | None = None

    def __len__(self) -> int:
        return 0 if self.rows is None else len(self.rows)

    def put(self, rows: TensorDict) -> None:
        """Add ``rows``, off the graph."""
        rows = rows.detach().clone()
        kept = rows if self.rows is None else torch.cat([self.rows, rows])  # type: ignore[list-item]
        self.rows = kept[-self.size :]  # type: ignore[assignment]

    def take(self, count: int) -> TensorDict | None:
        """Remove and return up to ``count`` rows, chosen by torch's random state."""
        if self.rows is None or not count:
            return None
        device = next(iter(self.rows.values(include_nested=True, leaves_only=True))).device
        order = torch.randperm(len(self.rows)).to(device)
        taken, left = self.rows[order[:count]], self.rows[order[count:].sort().values]
        self.rows = left if len(left) else None
        return taken

    def get_extra_state(self) -> dict[str, Any]:
        return {} if self.rows is None else {"rows": self.rows.to_dict(), "count": len(self.rows)}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        self.rows = TensorDict(state["rows"], [state["count"]]) if state else None
