"""Beginning with the weights of another run: fine-tuning, or a network that was widened."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from physgan.domain import Domain
from physgan.errors import InputError
from physgan.training.checkpoint import MODEL, read_model
from physgan.training.ema import split_average

READY = "ready"
"""What the weights are called that a domain ships."""


class Begun(NamedTuple):
    """How many tensors of a core were taken over as they are, were widened, or stay new."""

    taken: int
    widened: int
    new: int

    def __str__(self) -> str:
        parts = [f"{self.taken} tensors taken over"]
        parts += [f"{self.widened} widened"] if self.widened else []
        parts += [f"{self.new} new"] if self.new else []
        return ", ".join(parts)


def ready_run(domain: Domain) -> Path:
    """The folder of the run that ``domain`` ships; InputError where it ships none."""
    shipped = getattr(domain, "shipped_run", None)
    if shipped is None:
        raise InputError(f"the domain {domain.name!r} ships no trained run", fix="name one")
    return Path(shipped())


def begin_with(core: nn.Module, source: Path, identity: Mapping[str, str]) -> Begun:
    """Put the averaged weights of ``source``, a run's folder or model file, into ``core``.

    A tensor is taken over where name and shape are the same. Where a layer has come to read more
    (its second dimension grew), what it read before stays and the rest begins at zero, so that it
    computes what it did (Chen et al., Net2Net, 1511.05641, for inputs). All else stays as it was.
    Raises InputError for no model file, one of another domain or core, or one that fits nowhere.
    """
    path = source / MODEL if source.is_dir() else source
    tensors, meta = read_model(path)
    if meta["identity"] != dict(identity):
        raise InputError(
            f"these weights are of {meta['identity']}, the run is of {dict(identity)}",
            where=str(path), fix="weights of a run of the same domain and core",
        )  # fmt: skip
    own, averaged = split_average(tensors)
    state, found = core.state_dict(), own | averaged
    put: dict[str, Tensor] = {}
    widened = 0
    for name, tensor in state.items():
        other = found.get(name)
        if not isinstance(tensor, Tensor) or other is None:
            continue
        if other.shape == tensor.shape:
            put[name] = other
        elif _grew(other, tensor):
            wide = torch.zeros_like(tensor)
            wide[:, : other.shape[1]] = other
            put[name] = wide
            widened += 1
    if not put:
        raise InputError("none of these weights fits the core", where=str(path))
    core.load_state_dict(put, strict=False)
    return Begun(len(put) - widened, widened, len(state) - len(put))


def _grew(before: Tensor, after: Tensor) -> bool:
    """Whether ``after`` is ``before`` with more inputs."""
    if min(before.ndim, after.ndim) < 2 or before.shape[1] >= after.shape[1]:
        return False
    return before.shape[:1] + before.shape[2:] == after.shape[:1] + after.shape[2:]
