"""Phase separation on the periodic square, a sequence domain in one file, with no data to fetch.

Cahn and Hilliard (J. Chem. Phys. 28, 258, 1958): c' = lap(c^3 - c - kappa lap c). Mass is conserved
and the energy, the mean of (c^2 - 1)^2 / 4 + kappa |grad c|^2 / 2, never grows. The reference goes
in Fourier space with Eyre's splitting (1998) in small steps. The surrogate says the change over a
step length of choice, at a kappa of choice; its mass is projected, exactly, its energy is watched.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tensordict import TensorDict
from torch import Tensor

from physgan.domain import Penalty
from physgan.sequences import Values, Watched
from physgan.surrogate.fields import FieldDomain, means
from physgan.surrogate.readers import Sequences

SUBSTEP = 0.02
RIPENED = 4.0
"""Time after which domains have formed from noise."""


def wave_numbers(size: int) -> Tensor:
    """k^2 ``(H, W // 2 + 1)`` of a square with grid spacing 1."""
    k = 2 * math.pi * torch.fft.fftfreq(size)
    return k[:, None].square() + (2 * math.pi * torch.fft.rfftfreq(size)).square()


def solve(field: Tensor, kappa: Tensor, time: Tensor, substep: float = SUBSTEP) -> Tensor:
    """``field (B, 1, H, H)`` after ``time (B,)`` under ``kappa (B,)``: the reference."""
    count = max(1, math.ceil(float(time.max()) / substep))
    dt, kappa = ((v[:, None, None, None]) for v in (time / count, kappa))
    k2 = wave_numbers(field.shape[-1])
    below = 1 + dt * (2 * k2 + kappa * k2.square())
    for _ in range(count):
        force = torch.fft.rfft2(field**3 - 3 * field)
        after = (torch.fft.rfft2(field) - dt * k2 * force) / below
        field = torch.fft.irfft2(after, s=field.shape[-2:])
    return field


def energy(field: Tensor, kappa: Tensor) -> Tensor:
    """Mean free energy ``(B,)`` of ``field (B, 1, H, H)``, the gradient by its Fourier modes."""
    modes = torch.fft.fft2(field, norm="forward")
    frequency = torch.fft.fftfreq(field.shape[-1], device=field.device)
    k2 = (2 * math.pi) ** 2 * (frequency[:, None].square() + frequency.square())
    slope = (modes.abs().square() * k2).sum(dim=(1, 2, 3))
    return (field.square() - 1).square().mean(dim=(1, 2, 3)) / 4 + kappa / 2 * slope


class CahnHilliardDomain(FieldDomain):
    """Quenched mixtures of ``size``^2 points, ``runs`` of them with ``frames`` each."""

    name = "cahn-hilliard"

    def __init__(
        self, size: int = 32, runs: int = 16, frames: int = 16, passes: int = 3, **options: Any
    ) -> None:
        super().__init__(passes, conserve=True, **options)
        self.size, self.runs, self.frames = size, runs, frames

    def sequences(self, path: Path | None) -> Sequences:
        """Those at ``path``, or made on the spot: kappa from 0.5 to 1, steps from 0.5 to 1."""
        if path is not None:
            return super().sequences(path)
        random = torch.Generator().manual_seed(0)
        kappa, step = torch.empty(2, self.runs).uniform_(0.5, 1.0, generator=random)
        made = [solve(self.quench(self.runs, 1), kappa, torch.full_like(kappa, RIPENED))]
        for _ in range(self.frames - 1):
            made.append(solve(made[-1], kappa, step))
        times = step.double().numpy()[:, None] * np.arange(self.frames, dtype=np.float64)
        fields = torch.stack(made, dim=1).numpy()
        return Sequences(fields, times, {"kappa": kappa.double().numpy()}, "made on the spot")

    def quench(self, n: int, seed: int) -> Tensor:
        """``n`` mixtures of unequal shares just after they were mixed."""
        random = torch.Generator().manual_seed(seed)
        share = torch.empty(n, 1, 1, 1).uniform_(-0.3, 0.3, generator=random)
        return share + 0.1 * torch.randn(n, 1, self.size, self.size, generator=random)

    def begin(self, path: Path | None, n: int, seed: int, **options: Any) -> TensorDict:
        if path is not None:
            return super().begin(path, n, seed)
        time, kappa = torch.full((n,), RIPENED), torch.full((n,), 0.75)
        return TensorDict({"field": solve(self.quench(n, 1000 + seed), kappa, time)}, [n])

    def penalties(self) -> Sequence[Penalty]:
        def growth(x: TensorDict, given: TensorDict) -> Tensor:
            kappa = given["y", "kappa"]
            return (energy(x["field"], kappa) - energy(given["field"], kappa)).clamp(min=0)

        return (*super().penalties(), Penalty("energy", "1", 1e-3, growth))

    def watch(
        self, state: TensorDict, previous: TensorDict | None, y: Values, elapsed: Tensor | None
    ) -> dict[str, Watched]:
        found = super().watch(state, previous, y, elapsed)
        kappa = y.get("kappa", torch.full((len(state),), 0.75, device=state["field"].device))
        now, grown = energy(state["field"], kappa), None
        if previous is not None:
            grown = (now - energy(previous["field"], kappa)).clamp(min=0)
        return {"energy": Watched(now, "", grown, 1e-3), **found}


def structure(field: Tensor) -> Tensor:
    """Mean wave number ``(B,)`` of ``field (B, 1, H, H)``, weighed by power: the domains' scale."""
    power = torch.fft.rfft2(field - means(field)[..., None, None].to(field)).abs().square()
    k = wave_numbers(field.shape[-1]).sqrt()
    return (power * k).sum(dim=(1, 2, 3)) / power.sum(dim=(1, 2, 3))
