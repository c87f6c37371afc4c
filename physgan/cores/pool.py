"""Old fakes for the critic: the pool of Shrivastava et al. (1612.07828, section 2.3).

A critic that sees the newest fakes alone forgets the others, and the generator comes back to them.
"""

from __future__ import annotations

from typing import Any

import torch
from tensordict import TensorDict
from torch import nn

from physgan.errors import InputError


class FakePool(nn.Module):
    """The ``size`` fakes that the critic may see again; with 0 every fake passes unchanged.

    ``swap`` takes the rows of a batch one after the other (as CycleGAN does, 1703.10593): while
    the pool is not full a row is kept and seen; then, with probability 1/2 each, it is seen, or
    changes places with a row of the pool, which is seen instead.

    What is kept goes with the state of training, not into files of weights; several processes
    have a pool each, and all resume with the first one's.
    """

    def __init__(self, size: int = 50) -> None:
        super().__init__()
        if size < 0:
            raise InputError(f"a pool of {size} fakes", fix="choose pool >= 0")
        self.size = size
        self.rows: TensorDict | None = None

    def __len__(self) -> int:
        return 0 if self.rows is None else len(self.rows)

    def swap(self, fresh: TensorDict) -> TensorDict:
        """As many rows ``(B,)`` as ``fresh (B,)``, detached, drawn from torch's random state."""
        fresh = fresh.detach()
        if not self.size:
            return fresh
        kept = len(self)
        both = fresh if self.rows is None else torch.cat([self.rows.to(fresh.device), fresh])
        pool, seen = list(range(kept)), []
        # One number says both whether a row is exchanged (the lower half) and with which.
        for row, lot in enumerate(torch.randint(2 * self.size, (len(fresh),)).tolist(), kept):
            if len(pool) < self.size:
                pool.append(row)
                seen.append(row)
            elif lot < self.size:
                seen.append(pool[lot])
                pool[lot] = row
            else:
                seen.append(row)
        self.rows = both[pool].clone()  # type: ignore[union-attr]
        return both[seen]  # type: ignore[return-value]

    def get_extra_state(self) -> dict[str, Any]:
        """The kept rows as plain tensors."""
        return {} if self.rows is None else {"rows": self.rows.to_dict(), "count": len(self)}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Keep what ``get_extra_state`` said."""
        self.rows = TensorDict(state["rows"], [state["count"]]) if state else None
