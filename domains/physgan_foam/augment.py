"""Turned, mirrored and shifted foams: they coarsen just as well."""

from __future__ import annotations

from typing import Any

import torch
from tensordict import TensorDict

from physgan_foam import symmetry


def vary(batch: TensorDict, generator: torch.Generator) -> TensorDict:
    """The batch in a form drawn by numbers of ``generator``, alike in every frame of every row."""
    height, width = batch["given"]["labels"].shape[-2:]  # type: ignore[index]
    form = symmetry.read(symmetry.draw(1, height, width, generator)[0])
    out: Any = batch.clone(recurse=False)
    for part in ("given", "x"):
        inner = out[part].clone(recurse=False)
        inner["labels"] = form.apply(inner["labels"])
        out[part] = inner
    return out
