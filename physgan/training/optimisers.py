"""One optimiser per player, and the learning-rate schedule."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import torch
from torch import nn
from torch.optim import AdamW

from physgan.training.options import OptimiserName, TrainerOptions, unknown_key
from physgan.training.second_points import ExtraAdam, OptimisticAdam

FUSED_DEVICES = ("cpu", "cuda")
KINDS: dict[OptimiserName, type[AdamW]] = {
    "adamw": AdamW,
    "optimistic-adam": OptimisticAdam,
    "extra-adam": ExtraAdam,
    "sam": AdamW,
}


def make_optimisers(
    players: Mapping[str, nn.Module], options: TrainerOptions, device: torch.device
) -> dict[str, AdamW]:
    """AdamW, or a kind of it, for each player with its base rate, fused where torch can.

    Raises InputError for a rate, an optimiser or a correction of a player that is not in the game.
    """
    for name in options.lrs:
        if name not in players:
            raise unknown_key(f"lr.{name}", [f"lr.{player}" for player in players])
    for key in ("optimisers", "lazy"):
        for name in getattr(options, key):
            if name not in players:
                known = [f"trainer.{key}.{player}" for player in players]
                raise unknown_key(f"trainer.{key}.{name}", known)
    return {
        name: KINDS[options.optimiser_of(name)](
            [p for p in player.parameters() if p.requires_grad],
            lr=options.rate(name),
            betas=options.betas_of(name),
            weight_decay=options.weight_decay,
            fused=device.type in FUSED_DEVICES,
        )
        for name, player in players.items()
    }


def sharpness_aware(players: Iterable[str], options: TrainerOptions) -> dict[str, float]:
    """The players whose gradient is taken at a worse point nearby, and how far that is."""
    return {n: options.sam_rho for n in players if options.optimiser_of(n) == "sam"}


def rate_factor(options: TrainerOptions, step: int, minutes: float) -> float:
    """What the base rates are multiplied by: linear warm-up, then constant or cosine to zero.

    Progress is the larger share used up of ``steps`` and of ``max_minutes``, so a run that ends
    by the clock is annealed too; such a schedule depends on the machine's speed.
    """
    warm = min(1.0, (step + 1) / options.warmup_steps) if options.warmup_steps else 1.0
    if options.schedule == "constant":
        return warm
    shares = [
        step / options.steps if options.steps else 0.0,
        minutes / options.max_minutes if options.max_minutes else 0.0,
    ]
    return warm * 0.5 * (1 + math.cos(math.pi * min(1.0, max(shares))))
