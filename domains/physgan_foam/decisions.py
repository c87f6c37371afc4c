"""Labels decided from predictions: what each pixel weighs, and the pressures that sway it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from physgan_foam.kernels import SLOTS, decide, weigh
from physgan_foam.offsets import REACH, wrap


class Choices(NamedTuple):
    """The labels that each pixel of ``(H, W)`` weighs, best first, and their shares, ``(H, W,
    SLOTS)``; the first ``count (H, W)`` of them."""

    count: NDArray[np.uint8]
    name: NDArray[np.int32]
    share: NDArray[np.float32]

    @classmethod
    def empty(cls, height: int, width: int) -> Choices:
        shape = height, width, SLOTS
        return cls(
            np.empty((height, width), np.uint8), np.empty(shape, np.int32),
            np.empty(shape, np.float32),
        )  # fmt: skip

    def take(self, bias: NDArray[np.float32]) -> NDArray[np.int32]:
        """The labels ``(H, W)`` of largest log share + ``bias (N,)``."""
        out = np.empty(self.count.shape, np.int32)
        decide(*self, np.exp(bias), out)
        return out


def odds(logits: Tensor) -> Tensor:
    """What is proportional to probabilities, of logits of any size; in place."""
    return logits.clamp_(-60.0, 60.0).exp_()


def choices_of(logits: Tensor, labels: Tensor) -> Choices:
    """What the pixels of ``labels (H, W)`` weigh under ``logits (49, H, W)``."""
    level = (logits - logits.amax(0)).detach().float().permute(1, 2, 0).contiguous().cpu()
    padded = np.ascontiguousarray(wrap(labels, REACH).cpu().numpy().astype(np.int32))
    found = Choices.empty(*labels.shape)
    weigh(odds(level).numpy(), padded, 1, *found)
    return found


def choose_compiled(logits: Tensor, around: Tensor) -> Tensor:
    """The winners ``(B, H, W)`` of ``logits (B, 49, H, W)`` over the labels ``around``."""
    own = around[:, 0]
    flat = np.zeros(int(own.max()) + 1, np.float32)
    rows = [
        torch.from_numpy(choices_of(field, labels).take(flat))
        for field, labels in zip(logits, own, strict=True)
    ]
    return torch.stack(rows).to(around)
