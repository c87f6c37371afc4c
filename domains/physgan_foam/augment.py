"""Turned, mirrored and shifted foams: they coarsen just as well."""

from __future__ import annotations

from typing import Any

import torch
from tensordict import TensorDict
from torch import Tensor

from physgan.tensors import float_leaves
from physgan_foam import symmetry
from physgan_foam.networks.stepper import PAIRS


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


def augment(x: TensorDict) -> TensorDict:
    """What critics see, ``films (B, 4, H, W)`` of a state or of both states of a pair, each row
    in a form of its own, drawn from torch's random state; differentiable."""
    rows, _, height, width = next(iter(float_leaves(x).values())).shape
    forms = [symmetry.read(row) for row in symmetry.draw(rows, height, width)]

    def turn(films: Tensor) -> Tensor:
        return torch.stack([turned_films(f, row) for f, row in zip(forms, films, strict=True)])

    return x.apply(turn)  # type: ignore[return-value]


def turned_films(form: symmetry.Symmetry, films: Tensor) -> Tensor:
    """The ``films (4, H, W)`` of a foam in ``form``, of those of the foam as it is: where pixels
    change places, so do the two of each pair, whose map stands at the first of them."""
    fields = form.apply(films)
    found = list(fields.unbind())
    for field, (dy, dx) in zip(fields, PAIRS, strict=True):
        dy, dx = form.direction(dy, dx)
        if (dy, dx) in PAIRS:
            found[PAIRS.index((dy, dx))] = field
        else:
            found[PAIRS.index((-dy, -dx))] = field.roll((dy, dx), dims=(0, 1))
    return torch.stack(found)
