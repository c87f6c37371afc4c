"""A replica oracle: networks retrained on a measured table, for sequences it does not hold.

The weights that published AAV and GFP scores rest on are not public in every place; this trains
the same network on the same tables. It is a model and no measurement: several seeds and a second
architecture say where its judgement is a matter of luck.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from physgan.errors import InputError
from physgan.training.files import write_atomic
from physgan_protein.alphabet import bad_residue, encode
from physgan_protein.oracles.base import SequenceOracle
from physgan_protein.oracles.replica_fit import Fit, Member, ReplicaOptions, fit_member, predict

SUFFIX = ".safetensors"
PRIMARY = "ggs"


class ReplicaOracle(SequenceOracle):
    """The mean of the members of architecture ``primary``; a row of ``judge`` also has

    - ``spread``: the standard deviation over the primary members (seeds),
    - ``disagreement``: the other architectures' mean less the primary mean (absent without any).

    Values are in the table's unit. A sequence of another length or with other letters is unknown.
    """

    name = "replica"

    def __init__(
        self,
        members: Sequence[tuple[Member, Fit]],
        *,
        primary: str = PRIMARY,
        budget: int | None = None,
        seed: int = 0,
        property: str = "fitness",
    ) -> None:
        super().__init__(budget=budget, seed=seed, property=property)
        self.members, self.fits = [m for m, _ in members], [fit for _, fit in members]
        self.primary = primary
        if primary not in {member.architecture for member in self.members}:
            raise InputError(f"no member of the architecture {primary!r}", fix="train one")
        if len({member.length for member in self.members}) > 1:
            raise InputError("members for sequences of several lengths", fix="one table a folder")
        self.length = self.members[0].length
        self._rows: dict[str, dict[str, float]] = {}

    @classmethod
    def read(cls, folder: Path, **options: Any) -> ReplicaOracle:
        """The members that ``train_replicas`` wrote to ``folder``."""
        files = sorted(Path(folder).glob(f"*{SUFFIX}"))
        if not files:
            raise InputError("no replica oracle here", where=str(folder), fix="train_replicas")
        return cls([read_member(file) for file in files], **options)

    def score(self, sequences: Sequence[str]) -> NDArray[np.float64]:
        values = np.full(len(sequences), math.nan)
        fits = [i for i, s in enumerate(sequences) if len(s) == self.length and not bad_residue(s)]
        if not fits:
            return values
        tokens = torch.from_numpy(encode([sequences[i] for i in fits], self.length))
        answers = np.stack([predict(member, tokens).double().numpy() for member in self.members])
        first = np.array([member.architecture == self.primary for member in self.members])
        values[fits] = answers[first].mean(axis=0)
        for column, row in enumerate(fits):
            self._rows[sequences[row]] = self._doubt(answers[:, column], first)
        return values

    def describe(self, sequence: str, value: float) -> dict[str, Any]:
        row = super().describe(sequence, value)
        if "error" in row:
            return row
        if sequence not in self._rows:  # remembered from an account that was restored
            self.score([sequence])
        return row | self._rows[sequence]

    def settings(self) -> dict[str, Any]:
        return {"primary": self.primary, "members": [asdict(fit) for fit in self.fits]}

    @staticmethod
    def _doubt(answers: NDArray[np.float64], first: NDArray[np.bool_]) -> dict[str, float]:
        row = {"spread": float(answers[first].std())}
        if not first.all():
            row["disagreement"] = float(answers[~first].mean() - answers[first].mean())
        return row


def train_replicas(
    table: Mapping[str, float],
    folder: Path,
    *,
    seeds: Sequence[int] = (0, 1, 2),
    architectures: Sequence[str] = ("ggs", "positional"),
    options: ReplicaOptions | None = None,
    report: Callable[[str], Any] = print,
) -> list[Fit]:
    """Train a member of each architecture and seed on ``table`` and write it to ``folder``.

    A file a member, ``<architecture>-<seed>.safetensors`` with its fit inside; one that is there
    is left and not trained again. Each fit is reported as it is known.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    fits = []
    for architecture in architectures:
        for seed in seeds:
            path = folder / f"{architecture}-{seed}{SUFFIX}"
            if path.exists():
                fit = read_member(path)[1]
            else:
                member, fit = fit_member(table, architecture, seed, options)
                write_member(path, member, fit)
            report(str(fit))
            fits.append(fit)
    return fits


def write_member(path: Path, member: Member, fit: Fit) -> None:
    """One member and its fit as a safetensors file, whole or not at all."""
    tensors = {name: tensor.contiguous() for name, tensor in member.state_dict().items()}
    write_atomic(path, save(tensors, metadata={"fit": json.dumps(asdict(fit))}))


def read_member(path: Path) -> tuple[Member, Fit]:
    """A member and its fit. Raises InputError for a file that is not one."""
    try:
        with safe_open(path, framework="pt") as file:
            fit = Fit(**json.loads((file.metadata() or {})["fit"]))
            names = file.keys()
            tensors = {name: file.get_tensor(name) for name in names}
        member = Member(fit.architecture, fit.length)
        member.load_state_dict(tensors)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"is no member of a replica oracle: {error}", where=str(path)) from error
    return member.eval(), fit
