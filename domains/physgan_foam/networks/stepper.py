"""One pass of a foam: every pixel points at a neighbour and takes its label."""

from __future__ import annotations

import torch
from tensordict import TensorDict
from torch import Tensor
from torch.nn import functional as F

from physgan.sequences import Project, Stepper
from physgan.tensors import full_precision
from physgan_foam import pointer, symmetry
from physgan_foam.networks.pointer_net import PointerNet
from physgan_foam.offsets import REACH, neighbours, wrap
from physgan_foam.told import bubbles_of

NOISE_GRID = 8
"""Noise is drawn on a grid of so many pixels."""
PAIRS = ((0, 1), (1, 0), (1, 1), (1, -1))
"""Critics see whether two pixels so far apart (dy, dx) are of one bubble."""


class FoamStepper(Stepper):
    """States are ``labels (B, H, W)`` integers and ``block (B,)``, the side in pixels of the
    squares that they are made of: 1, and 2, 4... once bubbles have grown (see ``inference``).
    ``forms``: outside training each pass looks at a foam turned and shifted at random.

    A prediction has ``logits (B, 49, H, W)``, the labels pointed at, ``around (B, 49, H, W)``, and
    ``activations``.
    """

    def __init__(self, condition_dim: int, *, forms: bool = True, **options: object) -> None:
        super().__init__()
        self.forms = forms
        self.net = PointerNet(condition_dim, **options)  # type: ignore[arg-type]
        self.activation_dim = self.net.width

    def forward(
        self, state: TensorDict, condition: Tensor, z: Tensor | None, hidden: Tensor | None
    ) -> tuple[TensorDict, Tensor | None]:
        labels = state["labels"]
        if z is None or self.net.noise:
            logits, activations = self._logits(labels, condition, z)
        else:
            forms = [symmetry.read(row) for row in z]
            turned = torch.stack([f.apply(row) for f, row in zip(forms, labels, strict=True)])
            found, activations = self._logits(turned, condition, None)
            rows = [f.undo(row[f.offsets()]) for f, row in zip(forms, found, strict=True)]
            logits = torch.stack(rows)
        around = neighbours(wrap(labels, REACH))
        made = {"logits": logits, "around": around, "activations": activations}
        return TensorDict(made, [len(labels)]), hidden

    def _logits(self, labels: Tensor, condition: Tensor, z: Tensor | None) -> tuple[Tensor, Tensor]:
        """``(B, 49, H, W)``, with ``z`` spread over the pixels of a torus, and what the last layer
        reads, means ``(B, width)``."""
        told = None
        if self.net.told:
            told = wrap(bubbles_of(labels).to(condition.dtype), self.net.margin)
        if z is not None:
            fine = F.interpolate(z, scale_factor=NOISE_GRID, mode="nearest")
            z = wrap(fine, self.net.margin)
        h = self.net.activations(wrap(labels, self.net.halo), condition, told, z)
        return self.net.logits(h).float(), full_precision(h).mean(dim=(2, 3))

    def noise(self, state: TensorDict) -> Tensor | None:
        """``(B, channels, H / 8, W / 8)`` of a standard normal where the network takes noise; else
        outside training the symmetry ``(B, 4)`` in which each foam is looked at, or None."""
        labels = state["labels"]
        if not self.net.noise:
            return symmetry.draw(*labels.shape) if self.forms and not self.training else None
        size = [side // NOISE_GRID for side in labels.shape[1:]]
        return torch.randn(len(labels), self.net.noise, *size, device=labels.device)

    def error(
        self, prediction: TensorDict, state: TensorDict, target: TensorDict, given: TensorDict
    ) -> Tensor:
        """-log of the share of the true next label, nats per pixel that may change; three times
        as heavy near junctions and in bubbles that die. A label out of reach is left out."""
        logits, around = prediction["logits"], prediction["around"]
        nll, reached = pointer.negative_log_likelihood(logits, around, target["labels"])
        weight = pixel_weights(around, state["labels"], target["labels"]) * reached
        return (weight * nll).sum((1, 2)) / weight.sum((1, 2)).clamp(min=1)

    def settle(self, prediction: TensorDict, state: TensorDict) -> TensorDict:
        labels = choose(prediction["logits"], prediction["around"])
        return TensorDict({"labels": labels, "block": state["block"]}, [len(labels)])

    def seen(self, state: TensorDict) -> TensorDict:
        labels = state["labels"]
        same = [labels == labels.roll((-dy, -dx), dims=(1, 2)) for dy, dx in PAIRS]
        return TensorDict({"films": torch.stack(same, dim=1).float()}, [len(labels)])

    def foreseen(self, prediction: TensorDict, state: TensorDict) -> TensorDict:
        names, shares = pointer.soft_labels(prediction["logits"], prediction["around"])
        same = [pointer.agreement(names, shares, dy, dx) for dy, dx in PAIRS]
        return TensorDict({"films": torch.stack(same, dim=1)}, [len(names)])

    def advance(
        self,
        state: TensorDict,
        condition: Tensor,
        z: Tensor | None,
        hidden: Tensor | None,
        project: Project,
    ) -> tuple[TensorDict, Tensor | None]:
        """The next state: as ``settle`` decides, but large bubbles are followed on a coarser grid,
        and what is torn off a bubble goes to those around it."""
        from physgan_foam.inference import advance

        return advance(self, state, condition, z, project), hidden


def pixel_weights(around: Tensor, labels: Tensor, target: Tensor) -> Tensor:
    """How much each pixel counts in the likelihood, ``(B, H, W)``: 0 where nothing can change."""
    # names in as many places: two that meet there only make a dying bubble count once
    places = 1 << 15
    alive = pointer.areas(target.long().remainder(places), places) > 0
    rows = torch.arange(len(labels), device=labels.device)[:, None, None]
    dying = ~alive[rows, labels.long().remainder(places)]
    heavy = pointer.crowded(around) | dying
    return pointer.mixed(around) * (1.0 + 2.0 * heavy)


ROUNDS = 8
"""On a device so many labels of each pixel are weighed, from the one of the likeliest offset on."""


@torch.no_grad()
def choose(logits: Tensor, around: Tensor) -> Tensor:
    """The label with the largest share of each pixel, ``(B, H, W)``; of equals the one whose
    offset comes first. On processors all labels are weighed."""
    if logits.device.type == "cpu":
        from physgan_foam.decisions import choose_compiled

        return choose_compiled(logits, around)
    names, shares = pointer.soft_labels(logits, around, most=ROUNDS)
    return names.gather(1, shares.argmax(dim=1, keepdim=True))[:, 0]
