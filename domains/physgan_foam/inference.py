"""A pass outside training, as fast as processors make it: compiled loops, tiles, coarse grids."""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from tensordict import TensorDict
from torch import Tensor
from torch.nn import functional as F

from physgan.sequences import Project
from physgan_foam import symmetry
from physgan_foam.decisions import Choices, odds
from physgan_foam.kernels import LEAST, SLOTS, masks, mend, weigh
from physgan_foam.labels import Labels, areas
from physgan_foam.networks.pointer_net import NEIGHBOURS, PointerNet
from physgan_foam.offsets import REACH, wrap
from physgan_foam.pointer import soft_labels
from physgan_foam.threads import spread
from physgan_foam.told import table

if TYPE_CHECKING:
    from physgan_foam.networks.stepper import FoamStepper

TILE = 256
"""Side in pixels of the pieces in which a large field is worked on."""
LARGE = 256.0
"""Mean area in pixels from which every second row and column is enough."""
SMALLEST = 64
"""No grid becomes smaller than this."""
ROWS = 64
"""So many rows of the network go through its first and last layer at once, whose many channels need
the most memory; with fewer, threads wait for the interpreter between calls."""


@torch.no_grad()
def advance(
    stepper: FoamStepper, state: TensorDict, condition: Tensor, z: Tensor | None, project: Project
) -> TensorDict:
    """The state after a pass in which no bubble is torn; ``z`` as for ``FoamStepper.forward``."""
    labels = state["labels"].cpu().int()
    block = coarse_blocks(labels, state["block"].cpu())
    grids = [
        np.ascontiguousarray(row[::b, ::b].numpy())
        for row, b in zip(labels, block.tolist(), strict=True)
    ]
    net, forms = stepper.net, None
    turned = grids
    if z is not None and not net.noise:
        drawn = zip(z, block.tolist(), strict=True)
        forms = [symmetry.read(row, b) for row, b in drawn]
        turned = [_turned(f, grid) for f, grid in zip(forms, grids, strict=True)]
    if state["labels"].device.type == "cpu" and not net.noise:
        found = spread(partial(predict, net), turned, condition)
    else:
        found = _dense(stepper, turned, block, condition, z if net.noise else None)
    if forms is not None:
        found = [
            Choices(*(form.undo_array(field) for field in choices))
            for form, choices in zip(forms, found, strict=True)
        ]
    prediction = TensorDict({}, [len(labels)]).set_non_tensor("choices", found)
    prediction = project(prediction)
    if "bias" in prediction:
        bias = prediction.get_non_tensor("bias")
    else:
        bias = [np.zeros(int(grid.max()) + 1, np.float32) for grid in grids]
    taken = spread(lambda c, b: whole(c.take(b)), found, bias)
    fine = [_repeat(grid, int(b)) for grid, b in zip(taken, block, strict=True)]
    after = torch.from_numpy(np.stack(fine)).to(state["labels"])
    return TensorDict({"labels": after, "block": block.to(state["block"])}, [len(labels)])


def whole(labels: Labels) -> Labels:
    """``labels (H, W)`` in which no bubble is torn: pieces cut off from a bubble go to those that
    they touch. Bubbles of a foam never break, but the choices of single pixels may."""
    out = np.ascontiguousarray(labels)
    mend(out, int(out.max()) + 1)
    return out


def coarse_blocks(labels: Tensor, block: Tensor) -> Tensor:
    """The side of the squares ``(B,)`` to work with: twice ``block`` where bubbles of ``labels
    (B, H, W)`` have grown beyond LARGE of these."""
    found = []
    for row, old in zip(labels, block.tolist(), strict=True):
        new = int(old)
        while (
            row.numel() / new**2 >= LARGE * np.count_nonzero(areas(row[::new, ::new].numpy()))
            and min(row.shape) >= 2 * new * SMALLEST
            and all(side % (4 * new) == 0 for side in row.shape)
        ):
            new *= 2
        found.append(new)
    return torch.tensor(found, device=block.device, dtype=block.dtype)


def _repeat(grid: Labels, block: int) -> Labels:
    return grid if block == 1 else grid.repeat(block, 0).repeat(block, 1)


def _turned(form: symmetry.Symmetry, grid: Labels) -> Labels:
    return form.apply(torch.from_numpy(grid)).numpy()


def _dense(
    stepper: FoamStepper, grids: list[Labels], block: Tensor, condition: Tensor, z: Tensor | None
) -> list[Choices]:
    """What the pixels of each grid weigh, on the network's device, grids of a size together."""
    found: dict[int, Choices] = {}
    for side in block.unique().tolist():
        rows = (block == side).nonzero()[:, 0].tolist()
        labels = torch.from_numpy(np.stack([grids[row] for row in rows])).to(condition.device)
        state = TensorDict({"labels": labels, "block": block[rows].to(labels.device)}, [len(rows)])
        noise = None
        if z is not None:
            noise = z[rows][:, :, : z.shape[2] // side, : z.shape[3] // side]
        prediction, _ = stepper(state, condition[rows], noise, None)
        names, shares = soft_labels(prediction["logits"], prediction["around"], most=SLOTS)
        found |= zip(rows, _as_choices(names, shares), strict=True)
    return [found[row] for row in range(len(grids))]


def _as_choices(names: Tensor, shares: Tensor) -> list[Choices]:
    """Soft labels ``(B, SLOTS, H, W)`` as choices, best first."""
    shares, order = shares.sort(dim=1, descending=True, stable=True)
    names = names.gather(1, order).movedim(1, -1).int().cpu().contiguous()
    count = (shares >= LEAST).sum(1).clamp(min=1).to(torch.uint8).cpu().contiguous()
    shares = shares.movedim(1, -1).float().cpu().contiguous()
    rows = zip(count, names, shares, strict=True)
    return [Choices(c.numpy(), n.numpy(), s.numpy()) for c, n, s in rows]


def predict(net: PointerNet, labels: Labels, condition: Tensor, tile: int = TILE) -> Choices:
    """What each pixel of ``labels (H, W)`` weighs under ``condition (C,)``.

    Tile by tile with a rim of ``net.halo``, beyond which a pixel sees nothing: the same as without
    tiles. Threads take whole tiles.
    """
    height, width = labels.shape
    padded = wrap(torch.from_numpy(labels), net.halo).numpy()
    told = table(labels) if net.told else np.empty((0, 0), np.float32)
    found, layers, rim = Choices.empty(height, width), folded(net, condition), 2 * net.halo
    threads = torch.get_num_threads()
    tall = min(tile, max(-(-height // (2 * threads)) * 2, SMALLEST))
    h, w = min(tall, height), min(tile, width)

    def work(place: tuple[int, int]) -> None:
        top, left = place
        piece = np.ascontiguousarray(padded[top : top + h + rim, left : left + w + rim])
        seen, m = trunk(net, piece, layers, told), net.margin
        part = np.ascontiguousarray(piece[m : m + h + 2 * REACH, m : m + w + 2 * REACH])
        for first in range(0, len(seen), ROWS):
            p = odds(head(seen[first : first + ROWS], layers)).numpy()
            row, rows = net.fold * first, net.fold * len(p)
            inside = np.s_[top + row : top + row + rows, left : left + w]
            view = Choices(found.count[inside], found.name[inside], found.share[inside])
            weigh(p, part[row : row + rows + 2 * REACH], net.fold, *view)

    spread(work, product(_starts(height, h), _starts(width, w)))
    return found


def _starts(size: int, tile: int) -> list[int]:
    """Where tiles begin that cover ``size`` pixels; the last one overlaps what it must."""
    return [min(start, max(size - tile, 0)) for start in range(0, size, tile)]


Layers = list[tuple[Tensor, Tensor]]


@torch.no_grad()
def folded(net: PointerNet, condition: Tensor) -> Layers:
    """Weights and biases of all convolutions with the condition ``(C,)`` worked into them."""
    layers: Layers = [(net.stem.weight.flatten(1), _bias(net.stem))]
    for block, (scale, shift) in zip(net.blocks, net.modulation(condition[None]), strict=True):
        bias: Any = _bias(block) * scale[0] + shift[0]
        weight: Any = block.weight
        layers.append((weight * scale[0, :, None, None, None], bias))
    layers.append((net.head.weight.flatten(1), _bias(net.head)))
    return [(_last(w), b) for w, b in layers]


def _last(weight: Tensor) -> Tensor:
    """Channels last where there are pixels."""
    return weight.contiguous(memory_format=torch.channels_last) if weight.ndim == 4 else weight


def _bias(layer: Any) -> Tensor:
    return layer.bias


@torch.no_grad()
def trunk(net: PointerNet, padded: Labels, layers: Layers, told: NDArray[np.float32]) -> Tensor:
    """What the last layer reads, ``(H / fold, W / fold, width)``, of ``padded (H + 2 halo, W + 2
    halo)`` and of what the pixels of each label are ``told (N, T)``."""
    height, width = ((side - 2 * REACH) // net.fold for side in padded.shape)
    told = np.ascontiguousarray(told)
    stem = torch.empty(height, width, net.width)
    seen = np.empty((ROWS, width, (NEIGHBOURS + net.told) * net.fold**2), np.float32)
    for first in range(0, height, ROWS):
        part = seen[: height - first]
        last = net.fold * (first + len(part)) + 2 * REACH
        masks(padded[net.fold * first : last], net.fold, told, part)
        # matrix products: convolutions of 1 x 1 would copy their channels to the front and back
        stem[first : first + len(part)] = F.linear(torch.from_numpy(part), *layers[0])
    h = stem.permute(2, 0, 1)[None]
    for (weight, bias), d in zip(layers[1:-1], net.dilations, strict=True):
        change = F.conv2d(F.silu(h), weight, bias, dilation=d)
        h = change.add_(h[:, :, d:-d, d:-d])
    return F.silu(h, inplace=True)[0].permute(1, 2, 0)


@torch.no_grad()
def run(net: PointerNet, padded: Labels, layers: Layers, told: NDArray[np.float32]) -> Tensor:
    """Logits ``(H / fold, W / fold, 49 fold^2)``, see ``trunk``."""
    return head(trunk(net, padded, layers, told), layers)


@torch.no_grad()
def head(seen: Tensor, layers: Layers) -> Tensor:
    """Logits ``(H / fold, W / fold, 49 fold^2)`` of what ``trunk`` gives."""
    return F.linear(seen, *layers[-1])
