"""A domain whose density is known in closed form: Gaussians on a ring in the plane."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from tensordict import TensorDict
from torch import Tensor, nn

from physgan.domain import (
    Data,
    Domain,
    Generator,
    Oracle,
    Penalty,
    Projection,
    Property,
    Verdict,
)

SEEDS = {"train": 1, "val": 2, "test": 3}


def _mlp(inputs: int, outputs: int, width: int = 64) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU(),
        nn.Linear(width, outputs),
    )  # fmt: skip


class GaussianRing(Domain):
    """``modes`` Gaussians of deviation ``sigma`` at equal angles on the unit circle.

    x is ``point (B, 2)``. Properties: the class ``mode`` and the exact ``radius``. The law: no
    point beyond ``limit``. ``log_density`` is exact, so every figure has a known answer.
    """

    name = "gaussian-ring"

    def __init__(
        self, modes: int = 8, sigma: float = 0.05, limit: float = 1.1, rows: int = 2048
    ) -> None:
        self.modes, self.sigma, self.limit, self.rows = modes, sigma, limit, rows
        angle = 2 * math.pi * torch.arange(modes) / modes
        self.centres = torch.stack([angle.cos(), angle.sin()], dim=1)
        self.properties = (
            Property("mode", classes=tuple(str(k) for k in range(modes))),
            Property("radius", "1", exact=lambda x: x["point"].norm(dim=1)),
        )

    def load(self, path: Path | None, split: str, properties: Sequence[str] = ()) -> Data:
        random = torch.Generator().manual_seed(SEEDS[split])
        mode = torch.randint(self.modes, (self.rows,), generator=random)
        noise = self.sigma * torch.randn(self.rows, 2, generator=random)
        x = TensorDict({"point": self.centres[mode] + noise}, batch_size=[self.rows])
        y = {"mode": mode, "radius": x["point"].norm(dim=1)}
        parts = {"x": x, "y": TensorDict(y, batch_size=[self.rows]), "given": TensorDict({}, [self.rows])}  # fmt: skip  # noqa: E501
        return Data(TensorDict(parts, [self.rows]), [f"{split}-{i}" for i in range(self.rows)])

    def log_density(self, point: Tensor) -> Tensor:
        """log p of ``point (n, 2)``, ``(n,)`` in nats."""
        square = (point.unsqueeze(1) - self.centres).square().sum(dim=2) / self.sigma**2
        each = -0.5 * square - math.log(2 * math.pi * self.sigma**2 * self.modes)
        return torch.logsumexp(each, dim=1)

    def state(self) -> dict[str, Any]:
        plain = {"modes": self.modes, "sigma": self.sigma, "limit": self.limit, "rows": self.rows}
        return {"json": plain, "tensors": {"centres": self.centres}}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.__init__(**state["json"])  # type: ignore[misc]
        self.centres = state["tensors"]["centres"]

    def generator(self, condition_dim: int, **options: Any) -> Generator:
        return _RingGenerator(condition_dim, **options)

    def encoder(self, condition_dim: int, **options: Any) -> nn.Module:
        return _RingEncoder(condition_dim, **options)

    def critic(self, condition_dim: int, **options: Any) -> nn.Module:
        return _RingCritic(condition_dim)

    def autoencoder_critic(self, condition_dim: int, **options: Any) -> nn.Module:
        return _RingAutoencoder(condition_dim)

    def augment(self, x: TensorDict) -> TensorDict:
        """Half the rows mirrored in the line through their nearest mode, which keeps mode and
        radius."""
        point = x["point"]
        axis = self.centres[torch.cdist(point.detach(), self.centres).argmin(dim=1)]
        mirrored = 2 * (point * axis).sum(dim=1, keepdim=True) * axis - point
        turned = torch.rand(len(point), 1, device=point.device) < 0.5
        return TensorDict({"point": torch.where(turned, mirrored, point)}, x.batch_size)

    def predictor(self, **options: Any) -> nn.Module:
        return _RingPredictor()

    def penalties(self) -> Sequence[Penalty]:
        def beyond(x: TensorDict, given: TensorDict) -> Tensor:
            return (x["point"].norm(dim=1) - self.limit).clamp(min=0)

        return (Penalty("beyond", "1", 0.01, beyond),)

    def projections(self) -> Sequence[Projection]:
        def inside(x: TensorDict, given: TensorDict) -> TensorDict:
            far = x["point"].norm(dim=1, keepdim=True) / self.limit
            # The hair's breadth keeps rounding from leaving a point just outside.
            return TensorDict(
                {"point": torch.where(far > 1, x["point"] / far * (1 - 1e-6), x["point"])},
                x.batch_size,
            )

        return (Projection("inside", "beyond", inside),)

    def oracle(self, name: str | None = None, **options: Any) -> Oracle:
        return _Density(self.modes, self.sigma)

    def decode(self, x: TensorDict) -> list[np.ndarray]:
        return list(x["point"].detach().cpu().numpy())

    def encode(self, samples: Sequence[np.ndarray]) -> tuple[TensorDict, list[int]]:
        point = torch.as_tensor(np.stack(samples), dtype=torch.get_default_dtype())
        return TensorDict({"point": point}, [len(samples)]), list(range(len(samples)))

    def write(self, samples: Sequence[Any], names: Sequence[str], folder: Path) -> list[Path]:
        files = [folder / f"{name}.csv" for name in names]
        for file, sample in zip(files, samples, strict=True):
            np.savetxt(file, sample[None], delimiter=",", header="x,y")
        return files

    def draw(self, sample: np.ndarray) -> Figure:
        figure = Figure(figsize=(3, 3))
        axes = figure.add_subplot()
        axes.plot(*self.centres.T.numpy(), "o", color="0.8")
        axes.plot(*sample, "x")
        axes.set(xlim=(-1.3, 1.3), ylim=(-1.3, 1.3), aspect="equal")
        return figure

    def fingerprint(self, samples: Sequence[np.ndarray]) -> np.ndarray:
        return np.stack(samples)

    def same(self, a: np.ndarray, b: np.ndarray) -> bool:
        return bool(np.allclose(a, b, atol=1e-6))

    def label(self, sample: np.ndarray) -> str:
        return f"({sample[0]:.3f}, {sample[1]:.3f})"


class _Density(Oracle):
    name = "density"
    properties = ("log_density",)

    def __init__(self, modes: int, sigma: float) -> None:
        self.modes, self.sigma = modes, sigma

    def judge(self, samples: Sequence[np.ndarray]) -> list[dict[str, float]]:
        ring = GaussianRing(self.modes, self.sigma)
        point = torch.as_tensor(np.stack(samples))
        return [{"log_density": float(v)} for v in ring.log_density(point)]


class _RingGenerator(Generator):
    def __init__(self, condition_dim: int, latent_dim: int = 4) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.net = _mlp(latent_dim + condition_dim, 4)

    def _parameters_of(self, z: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        mean, log_scale = self.net(torch.cat([z, condition], dim=1)).chunk(2, dim=1)
        return mean, 0.01 + nn.functional.softplus(log_scale - 2)

    def forward(self, z: Tensor, condition: Tensor, given: TensorDict) -> TensorDict:
        mean, scale = self._parameters_of(z, condition)
        return TensorDict({"point": mean + scale * torch.randn_like(mean)}, [len(z)])

    def nll(
        self, x: TensorDict, z: Tensor, condition: Tensor, given: TensorDict
    ) -> dict[str, Tensor]:
        law = torch.distributions.Normal(*self._parameters_of(z, condition))
        return {"point": -law.log_prob(x["point"]).sum(dim=1)}

    def reconstruct(
        self, x: TensorDict, z: Tensor, condition: Tensor, given: TensorDict
    ) -> TensorDict:
        return self(z, condition, given)


class _RingEncoder(nn.Module):
    def __init__(self, condition_dim: int, latent_dim: int = 4) -> None:
        super().__init__()
        self.net = _mlp(2 + condition_dim, 2 * latent_dim)

    def forward(self, x: TensorDict, condition: Tensor, given: TensorDict) -> tuple[Tensor, Tensor]:
        mean, log_variance = self.net(torch.cat([x["point"], condition], dim=1)).chunk(2, dim=1)
        return mean, log_variance.clamp(-10, 4)


class _RingCritic(nn.Module):
    feature_dim = 64

    def __init__(self, condition_dim: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_mlp(2 + condition_dim, 64), nn.SiLU())
        self.score = nn.Linear(64, 1)

    def forward(self, x: TensorDict, condition: Tensor, given: TensorDict) -> Verdict:
        features = self.body(torch.cat([x["point"], condition], dim=1))
        return Verdict(self.score(features)[:, 0], features)


class _RingAutoencoder(nn.Module):
    """Through one number, as the ring is a line: a wider one would copy every point of the plane,
    and no energy would tell the ring from the rest."""

    feature_dim = 16

    def __init__(self, condition_dim: int) -> None:
        super().__init__()
        self.code = _mlp(2 + condition_dim, self.feature_dim)
        self.waist = nn.Sequential(nn.SiLU(), nn.Linear(self.feature_dim, 1))
        self.back = _mlp(1 + condition_dim, 2)

    def forward(self, x: TensorDict, condition: Tensor, given: TensorDict) -> Verdict:
        features = self.code(torch.cat([x["point"], condition], dim=1))
        back = self.back(torch.cat([self.waist(features), condition], dim=1))
        error = (back - x["point"]).square().sum(dim=1)
        return Verdict(error, features, TensorDict({"point": back}, x.batch_size))


class _RingPredictor(nn.Module):
    feature_dim = 64

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(_mlp(2, 64), nn.SiLU())

    def forward(self, x: TensorDict, given: TensorDict) -> Tensor:
        return self.body(x["point"])
