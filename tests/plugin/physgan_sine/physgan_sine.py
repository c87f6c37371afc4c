"""Noisy sine curves with a wanted amplitude: a domain of one file."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from tensordict import TensorDict
from torch import Tensor, nn

from physgan.domain import Data, Domain, Generator, Oracle, Penalty, Projection, Property, Verdict
from physgan.errors import InputError

SEEDS = {"train": 1, "val": 2, "test": 3}


def amplitude(x: TensorDict) -> Tensor:
    """Amplitude ``(B,)`` of the sine of the same power: sqrt(2 <curve^2>)."""
    return (2 * x["curve"].square().mean(dim=1)).sqrt()


def offset(x: TensorDict, given: TensorDict) -> Tensor:
    """How far the mean of each curve is from zero, ``(B,)``."""
    return x["curve"].mean(dim=1).abs()


def centre(x: TensorDict, given: TensorDict) -> TensorDict:
    """The curves with their means taken off."""
    curve = x["curve"]
    return TensorDict({"curve": curve - curve.mean(dim=1, keepdim=True)}, x.batch_size)


class SineDomain(Domain):
    """x is ``curve (B, length)``: one period, random phase and amplitude, noise, mean zero."""

    name = "sine"
    properties = (Property("amplitude", "V", exact=amplitude),)

    def __init__(self, length: int = 32, noise: float = 0.02, rows: int = 512) -> None:
        self.length, self.noise, self.rows = length, noise, rows

    def load(self, path: Path | None, split: str, properties: Sequence[str] = ()) -> Data:
        """Curves of a CSV file, one a row, or without a path made-up ones."""
        curves = self._made_up(split) if path is None else self._read(path)
        x = TensorDict({"curve": curves}, [len(curves)])
        y = TensorDict({"amplitude": amplitude(x)}, [len(curves)])
        batch = TensorDict({"x": x, "y": y, "given": TensorDict({}, [len(x)])}, [len(x)])
        return Data(batch, [f"{split}-{row}" for row in range(len(x))])

    def _made_up(self, split: str) -> Tensor:
        random = torch.Generator().manual_seed(SEEDS[split])
        height = 0.5 + 1.5 * torch.rand(self.rows, 1, generator=random)
        phase = 2 * math.pi * torch.rand(self.rows, 1, generator=random)
        time = 2 * math.pi * torch.arange(self.length) / self.length
        noise = torch.randn(self.rows, self.length, generator=random)
        return height * torch.sin(time + phase) + self.noise * noise

    def _read(self, path: Path) -> Tensor:
        try:
            curves = torch.from_numpy(np.loadtxt(path, delimiter=",", ndmin=2, dtype=np.float32))
        except (ValueError, OSError) as error:
            raise InputError(f"no table of numbers: {error}", where=str(path)) from error
        self.length = curves.shape[1]
        return curves

    def state(self) -> dict[str, Any]:
        plain = {"length": self.length, "noise": self.noise, "rows": self.rows}
        return {"json": plain, "tensors": {}}

    def restore(self, state: Mapping[str, Any]) -> None:
        vars(self).update(state["json"])

    def generator(self, condition_dim: int, **options: Any) -> Generator:
        return SineGenerator(self.length, condition_dim, **options)

    def encoder(self, condition_dim: int, **options: Any) -> nn.Module:
        return SineEncoder(self.length, condition_dim, **options)

    def critic(self, condition_dim: int, **options: Any) -> nn.Module:
        return SineCritic(condition_dim, **options)

    def predictor(self, **options: Any) -> nn.Module:
        return SineFeatures(**options)

    def penalties(self) -> Sequence[Penalty]:
        return (Penalty("offset", "V", 0.01, offset),)

    def projections(self) -> Sequence[Projection]:
        return (Projection("centre", "offset", centre),)

    def oracle(self, name: str | None = None, **options: Any) -> Oracle:
        return Fit()

    def decode(self, x: TensorDict) -> list[np.ndarray]:
        return list(x["curve"].detach().cpu().numpy())

    def encode(self, samples: Sequence[np.ndarray]) -> tuple[TensorDict, list[int]]:
        curves = torch.from_numpy(np.stack(samples))
        return TensorDict({"curve": curves}, [len(curves)]), list(range(len(curves)))

    def write(self, samples: Sequence[Any], names: Sequence[str], folder: Path) -> list[Path]:
        files = [folder / f"{name}.csv" for name in names]
        for file, sample in zip(files, samples, strict=True):
            np.savetxt(file, sample[None], delimiter=",")
        return files

    def draw(self, sample: np.ndarray) -> Figure:
        (figure := Figure(figsize=(3, 2))).add_subplot(ylabel="V").plot(sample)
        return figure

    def same(self, a: np.ndarray, b: np.ndarray) -> bool:
        return bool(np.allclose(a, b, atol=1e-6))

    def key(self, sample: np.ndarray) -> str:
        return hashlib.sha256(sample.tobytes()).hexdigest()

    def label(self, sample: np.ndarray) -> str:
        return f"sine of {math.sqrt(2 * float(np.square(sample).mean())):.2f} V"


class Fit(Oracle):
    """An independent judge: the amplitude of the first Fourier component."""

    name = "fourier"
    properties = ("amplitude",)

    def judge(self, samples: Sequence[np.ndarray]) -> list[dict[str, float]]:
        return [{"amplitude": float(2 * abs(np.fft.rfft(s)[1]) / len(s))} for s in samples]


class SineGenerator(Generator):
    """Mean curve and one noise level from latent and condition."""

    def __init__(self, length: int, condition_dim: int, latent_dim: int = 4) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.net = mlp(latent_dim + condition_dim, length + 1)

    def _law(self, z: Tensor, condition: Tensor) -> torch.distributions.Normal:
        out = self.net(torch.cat([z, condition], dim=1))
        scale = 0.01 + nn.functional.softplus(out[:, -1:] - 2)
        return torch.distributions.Normal(out[:, :-1], scale)

    def forward(self, z: Tensor, condition: Tensor, given: TensorDict) -> TensorDict:
        return TensorDict({"curve": self._law(z, condition).rsample()}, [len(z)])

    def nll(
        self, x: TensorDict, z: Tensor, condition: Tensor, given: TensorDict
    ) -> dict[str, Tensor]:
        return {"curve": -self._law(z, condition).log_prob(x["curve"]).sum(dim=1)}

    def reconstruct(
        self, x: TensorDict, z: Tensor, condition: Tensor, given: TensorDict
    ) -> TensorDict:
        return self(z, condition, given)


class SineEncoder(nn.Module):
    def __init__(self, length: int, condition_dim: int, latent_dim: int = 4) -> None:
        super().__init__()
        self.net = mlp(length + condition_dim, 2 * latent_dim)

    def forward(self, x: TensorDict, condition: Tensor, given: TensorDict) -> Any:
        return self.net(torch.cat([x["curve"], condition], dim=1)).chunk(2, dim=1)


class SineFeatures(nn.Module):
    """Convolutions around the period: features that do not depend on the phase."""

    def __init__(self, feature_dim: int = 32) -> None:
        super().__init__()
        self.feature_dim = feature_dim
        self.first = nn.Conv1d(1, feature_dim, 5, padding=2, padding_mode="circular")
        self.second = nn.Conv1d(feature_dim, feature_dim, 5, padding=2, padding_mode="circular")

    def forward(self, x: TensorDict, given: TensorDict) -> Tensor:
        hidden = nn.functional.silu(self.first(x["curve"].unsqueeze(1)))
        return nn.functional.silu(self.second(hidden)).mean(dim=2)


class SineCritic(SineFeatures):
    def __init__(self, condition_dim: int, feature_dim: int = 32) -> None:
        super().__init__(feature_dim)
        self.judge = mlp(feature_dim + condition_dim, 1)

    def forward(self, x: TensorDict, condition: Tensor, given: TensorDict) -> Verdict:  # type: ignore[override]
        features = super().forward(x, given)
        score = self.judge(torch.cat([features, condition], dim=1)).squeeze(1)
        return Verdict(score, features)


def mlp(inputs: int, outputs: int, width: int = 64) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, width), nn.SiLU(), nn.Linear(width, outputs))
