"""Encoded crystals, kept on disk: symmetry analysis of a large data set takes minutes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save
from tensordict import TensorDict

from physgan.training.files import write_atomic
from physgan_crystal.io.parse import cache_folder
from physgan_crystal.symmetry import Encoded, TemplateLibrary

if TYPE_CHECKING:
    from pymatgen.core import Structure

FORMAT = 1
FEWEST = 1000
"""Rows below which encoding is quicker than keeping it is worth."""


def cached_encoding(
    structures: Sequence[Structure],
    settings: Sequence[object],
    library: TemplateLibrary | None,
    compute: Callable[[], Encoded],
) -> Encoded:
    """``compute()``, or what it gave before for the same structures, settings and library."""
    if len(structures) < FEWEST:
        return compute()
    file = cache_folder() / f"encoded-{_digest(structures, settings, library)}.safetensors"
    if file.exists():
        try:
            return _read(file)
        except Exception:
            # A damaged cache is no reason to fail: it is written anew.
            file.unlink(missing_ok=True)
    found = compute()
    file.parent.mkdir(parents=True, exist_ok=True)
    _write(found, file)
    return found


def _digest(
    structures: Sequence[Structure], settings: Sequence[object], library: TemplateLibrary | None
) -> str:
    hasher = hashlib.sha256(repr((FORMAT, *settings)).encode())
    for structure in structures:
        hasher.update(np.ascontiguousarray(structure.lattice.matrix).tobytes())
        hasher.update(np.ascontiguousarray(structure.frac_coords).tobytes())
        hasher.update(np.array(structure.atomic_numbers, dtype=np.int16).tobytes())
    if library is not None:
        hasher.update(json.dumps(library.names).encode())
        for value in library.state()["tensors"].values():
            hasher.update(value.contiguous().numpy().tobytes())
    return hasher.hexdigest()[:32]


def _write(found: Encoded, file: Path) -> None:
    state = found.library.state()
    tensors = {f"x.{name}": value.contiguous() for name, value in found.x.items()}
    tensors |= {f"library.{n}": value.contiguous() for n, value in state["tensors"].items()}
    tensors["kept"] = torch.tensor(found.kept, dtype=torch.long)
    plain = {"library": state["json"], "failures": found.failures}
    write_atomic(file, save(tensors, {"plain": json.dumps(plain)}))


def _read(file: Path) -> Encoded:
    with safe_open(file, "pt") as stored:
        plain = json.loads(stored.metadata()["plain"])
        tensors = {name: stored.get_tensor(name) for name in stored.keys()}  # noqa: SIM118
    kept = tensors.pop("kept").tolist()
    x = {n.removeprefix("x."): t for n, t in tensors.items() if n.startswith("x.")}
    parts = {n.removeprefix("library."): t for n, t in tensors.items() if n.startswith("library.")}
    library = TemplateLibrary.from_state({"json": plain["library"], "tensors": parts})
    failures = [(int(row), str(reason)) for row, reason in plain["failures"]]
    return Encoded(TensorDict(x, [len(kept)]), library, kept, failures)
