"""From files of crystals to a fitted domain and its batches."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from tensordict import TensorDict

from physgan.domain import Data
from physgan.errors import InputError
from physgan_crystal.exact import EXACT, exact_properties
from physgan_crystal.io import Table, read_split

if TYPE_CHECKING:
    from physgan_crystal.domain import CrystalDomain
    from physgan_crystal.symmetry import Encoded

WORTH_PROCESSES = 2000
"""Rows above which processes pay for their start."""


def load_split(domain: CrystalDomain, path: Path, split: str, properties: Sequence[str]) -> Data:
    """Read and encode ``split`` at ``path``; the training split fits ``domain``.

    Columns that are named and present are read; ``density``, ``num_elements`` and
    ``volume_per_atom`` are computed. Held-out rows whose template the training rows do not have
    are refused with that reason.
    """
    fitting = split == "train"
    columns = [name for name in properties if name not in EXACT]
    table = read_split(path, split, columns, domain.on_bad, domain.cif_column)  # type: ignore[arg-type]
    found = _encode(domain, table, fitting)
    if not found.kept:
        raise InputError("no crystal could be encoded", where=str(path))
    if fitting:
        domain.fit(found.library, found.x)
        domain.declare(properties or tuple(EXACT))
    structures = [table.structures[i] for i in found.kept]
    y = _properties(domain, table, found)
    refused = [*table.refused, *((table.ids[i], reason) for i, reason in found.failures)]
    batch = TensorDict(
        {"x": found.x, "y": y, "given": TensorDict({}, found.x.batch_size)}, found.x.batch_size
    )
    ids = [table.ids[i] for i in found.kept]
    return Data(batch, ids, refused, {"samples": structures})


def _encode(domain: CrystalDomain, table: Table, fitting: bool) -> Encoded:
    from physgan_crystal.cache import cached_encoding
    from physgan_crystal.symmetry import encode

    library = None if fitting else domain.library
    many = domain.workers > 1 and len(table) >= WORTH_PROCESSES

    def compute() -> Encoded:
        # spawn: a forked child of a process that has used torch's threads may hang.
        with (
            ProcessPoolExecutor(domain.workers, get_context("spawn"))
            if many
            else nullcontext() as pool
        ):
            return encode(
                table.structures,
                symmetry=domain.symmetry,  # type: ignore[arg-type]
                symprec=domain.symprec,
                library=library,
                executor=pool,
            )

    return cached_encoding(table.structures, (domain.symmetry, domain.symprec), library, compute)


def _properties(domain: CrystalDomain, table: Table, found: Encoded) -> TensorDict:
    exact = exact_properties(domain.library)
    values: dict[str, torch.Tensor] = {}
    kept = np.asarray(found.kept)
    for prop in domain.properties:
        if prop.name in exact:
            values[prop.name] = prop.exact(found.x).float()  # type: ignore[misc]
        elif prop.name in table.y:
            values[prop.name] = torch.as_tensor(table.y[prop.name][kept]).float()
        else:
            values[prop.name] = torch.full((len(kept),), float("nan"))
    return TensorDict(values, [len(kept)])
