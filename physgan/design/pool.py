"""Rows that a critic sees: the real ones, and room for those that a guide praised."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch
from tensordict import TensorDict
from torch import Tensor

from physgan.domain import Data
from physgan.errors import InputError
from physgan.training.files import write_atomic


class FeedbackPool:
    """Real rows and room for pseudo ones, which repeats of real rows fill until they come.

    ``data`` keeps its size, so that training goes on in the same order of batches; ``pseudo (N,)``
    says which rows are not real, ``since (N,)`` the step at which each joined.
    """

    def __init__(self, data: Data, share: float) -> None:
        self.real = len(data)
        room = int(share / (1.0 - share) * self.real)
        rows = torch.cat([torch.arange(self.real), torch.arange(room) % self.real])
        weights = None if data.weights is None else data.weights[rows].clone()
        ids = [data.ids[int(row)] for row in rows]
        self.data = replace(data, batch=data.batch[rows].clone(), ids=ids, weights=weights)
        self.pseudo = torch.zeros(len(rows), dtype=torch.bool)
        self.since = torch.full((len(rows),), -1)

    @property
    def share(self) -> float:
        """The share of rows that are pseudo."""
        return float(self.pseudo.double().mean())

    def place(self, batch: TensorDict, step: int) -> Tensor:
        """Put ``batch`` in place of filling, then of the oldest; returns its rows. What does not
        fit is left out."""
        room = torch.arange(self.real, len(self.since))
        rows = room[self.since[room].argsort(stable=True)][: len(batch)]
        self.data.batch[rows] = batch[: len(rows)]
        self._join(rows, step)
        return rows

    def save(self, path: Path) -> None:
        """Write the pseudo rows, so that ``restore`` goes on with them."""
        from safetensors.torch import save

        rows = self.pseudo.nonzero()[:, 0]
        leaves = self.data.batch[rows].flatten_keys("/").to_dict()
        tensors = {name: leaf.contiguous() for name, leaf in leaves.items()}
        write_atomic(path, save({**tensors, "#rows": rows, "#since": self.since[rows]}))

    def restore(self, path: Path) -> None:
        """Take up what ``save`` wrote. Raises InputError where it is of other data."""
        from safetensors.torch import load_file

        tensors = load_file(path)
        rows, since = tensors.pop("#rows"), tensors.pop("#since")
        batch = TensorDict(dict(tensors), [len(rows)]).unflatten_keys("/")
        try:
            for part in ("x", "y", "given"):
                if part in batch.keys():  # noqa: SIM118
                    kept = self.data.batch[part]
                    kept[rows] = batch[part]
        except (RuntimeError, KeyError, IndexError) as error:
            raise InputError("these rows are of other data", where=str(path)) from error
        self._join(rows, since)

    def _join(self, rows: Tensor, since: int | Tensor) -> None:
        self.pseudo[rows], self.since[rows] = True, since
        if self.data.weights is not None:
            self.data.weights[rows] = self.data.weights[: self.real].mean()
