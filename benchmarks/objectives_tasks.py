"""The three tasks of the benchmark of objectives: a ring and a grid of Gaussians, and terrain."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tensordict import TensorDict
from torch import Tensor, nn
from torch.nn import functional as F

from physgan.conditions import ConditionSchema
from physgan.domain import Data, Generator, Oracle, Penalty, Projection, Verdict
from physgan.objectives.kernels import discrepancy, gaussian, typical_distance
from physgan.testing.gaussians import GaussianRing
from physgan_terrain.domain import EMBEDDED, TerrainDomain
from physgan_terrain.measures.features import features

SHOWN = 400
"""Samples kept for the picture."""
LEAST_SHARE = 0.1
"""Of its fair share of samples that a mode must hold to count as found."""
BANDWIDTHS = (0.25, 0.5, 1.0)
"""Of the Gaussian kernels on terrain features, in root mean square distances of real tiles."""
ODD = 10.0
"""Deviations at which standardised features are cut; what a flat tile lacks stands at -ODD."""


def layers(inputs: int, outputs: int, width: int = 128, hidden: int = 3) -> nn.Sequential:
    """``hidden`` leaky layers, which can turn as sharply as modes apart need."""
    sizes = (inputs, *[width] * hidden)
    steps: list[nn.Module] = []
    for a, b in pairwise(sizes):
        steps += [nn.Linear(a, b), nn.LeakyReLU(0.2)]
    return nn.Sequential(*steps, nn.Linear(width, outputs))


class PlaneGenerator(Generator):
    """Points from noise alone."""

    def __init__(self, condition_dim: int, latent_dim: int = 4) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.net = layers(latent_dim + condition_dim, 2)

    def forward(self, z: Tensor, condition: Tensor, given: TensorDict) -> TensorDict:
        return TensorDict({"point": self.net(torch.cat([z, condition], dim=1))}, [len(z)])

    def nll(
        self, x: TensorDict, z: Tensor, condition: Tensor, given: TensorDict
    ) -> dict[str, Tensor]:
        made = self(z, condition, given)["point"]
        return {"point": (made - x["point"]).square().sum(dim=1) / 2}

    def reconstruct(
        self, x: TensorDict, z: Tensor, condition: Tensor, given: TensorDict
    ) -> TensorDict:
        return self(z, condition, given)


class PlaneCritic(nn.Module):
    """``(x, condition, given) -> Verdict``."""

    feature_dim = 128

    def __init__(self, condition_dim: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            layers(2 + condition_dim, self.feature_dim, hidden=2), nn.LeakyReLU(0.2)
        )
        self.score = nn.Linear(self.feature_dim, 1)

    def forward(self, x: TensorDict, condition: Tensor, given: TensorDict) -> Verdict:
        features = self.body(torch.cat([x["point"], condition], dim=1))
        return Verdict(self.score(features)[:, 0], features)


class FreeRing(GaussianRing):
    """The ring without its law, which would cut off the outer part of every mode, and with networks
    that can tell its modes apart."""

    def generator(self, condition_dim: int, **options: Any) -> Generator:
        return PlaneGenerator(condition_dim, **options)

    def critic(self, condition_dim: int, **options: Any) -> nn.Module:
        return PlaneCritic(condition_dim)

    def penalties(self) -> tuple[Penalty, ...]:
        return ()

    def projections(self) -> tuple[Projection, ...]:
        return ()


class GaussianGrid(FreeRing):
    """``side``^2 Gaussians of deviation ``sigma`` on a square lattice around zero, whose
    ``log_density`` is exact."""

    name = "gaussian-grid"

    def __init__(
        self, side: int = 5, spacing: float = 1.0, sigma: float = 0.05, rows: int = 2048
    ) -> None:
        super().__init__(side**2, sigma, rows=rows)
        self.side, self.spacing = side, spacing
        ticks = spacing * (torch.arange(side) - (side - 1) / 2)
        self.centres = torch.cartesian_prod(ticks, ticks)

    def augment(self, x: TensorDict) -> TensorDict:
        """Half the rows mirrored in the line from zero through their nearest mode, those of the
        middle in zero, which keeps mode and radius."""
        point = x["point"]
        axis = F.normalize(self.centres[torch.cdist(point.detach(), self.centres).argmin(dim=1)])
        mirrored = 2 * (point * axis).sum(dim=1, keepdim=True) * axis - point
        turned = torch.rand(len(point), 1, device=point.device) < 0.5
        return TensorDict({"point": torch.where(turned, mirrored, point)}, x.batch_size)

    def state(self) -> dict[str, Any]:
        plain = {"side": self.side, "spacing": self.spacing, "sigma": self.sigma, "rows": self.rows}
        return {"json": plain, "tensors": {"centres": self.centres}}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.__init__(**state["json"])  # type: ignore[misc]

    def oracle(self, name: str | None = None, **options: Any) -> Oracle | None:
        return None


class SmallTerrain(TerrainDomain):
    """Terrain without its laws, so that the objective alone teaches."""

    def penalties(self) -> tuple[Penalty, ...]:
        return ()

    def projections(self) -> tuple[Projection, ...]:
        return ()


class Task(ABC):
    """A fitted domain with its data, the conditions it is trained under, and a budget."""

    name: str
    domain: Any
    train: Data
    held: Data
    schema: ConditionSchema
    steps: int
    batch_size: int
    lr: float
    ema_decay: float
    gamma: float
    """Of R1 and R2, which depends on how steep a critic has to be."""
    core: dict[str, Any]

    @abstractmethod
    def measure(self, x: TensorDict) -> dict[str, Any]:
        """Figures of samples ``x``, their names ending in that of the task."""

    def facts(self) -> dict[str, Any]:
        """The budget and the rows, for the record."""
        rows = {"train": len(self.train), "held_out": len(self.held)}
        names = ("steps", "batch_size", "lr", "ema_decay", "gamma")
        return {name: getattr(self, name) for name in names} | rows


class PlaneTask(Task):
    """Gaussians in the plane, without conditions."""

    def __init__(self, name: str, domain: GaussianRing, steps: int) -> None:
        self.name, self.domain, self.steps = name, domain, steps
        self.train, self.held = domain.load(None, "train"), domain.load(None, "val")
        self.schema, self.core = ConditionSchema(()), {"latent_dim": 4}
        self.batch_size, self.lr, self.ema_decay, self.gamma = 128, 1e-3, 0.99, 0.1
        self.centres, self.sigma = domain.centres, domain.sigma

    def measure(self, x: TensorDict) -> dict[str, Any]:
        found = modes(x["point"], self.centres, self.sigma)
        figures: dict[str, Any] = {f"{key}_{self.name}": value for key, value in found.items()}
        shown = x["point"][:SHOWN].double().numpy().round(3).tolist()
        return {**figures, f"points_{self.name}": shown}


class TerrainTask(Task):
    """Embedded tiles, each cut in four of 32 x 32 cells, under class and slope limit."""

    def __init__(self, name: str, work: Path, steps: int) -> None:
        self.name, self.steps, self.batch_size = name, steps, 8
        self.lr, self.ema_decay, self.gamma = 5e-4, 0.98, 1.0
        self.domain = domain = SmallTerrain(tile=32)
        archive = quarters(EMBEDDED, work / "tiles32.npz")
        self.train, self.held = (domain.load(archive, s, ("class",)) for s in ("train", "val"))
        self.schema = ConditionSchema(domain.properties, self.train.batch["y"])
        self.core = {
            "latent_dim": 64,
            "network": {"widths": (8, 8, 8, 16, 16), "style": 32},
            "critic_network": {"widths": (8, 16, 32), "feature_dim": 64},
        }
        self.real = features(self.held.batch["x", "height"][:, 0].numpy(), domain.cell)

    def measure(self, x: TensorDict) -> dict[str, Any]:
        """The MMD between the eleven features of ``x`` and of the held-out tiles."""
        height = x["height"][:, 0].numpy()
        whole = np.isfinite(height).all(axis=(1, 2))
        height = np.where(whole[:, None, None], height, 0.0)
        return {f"mmd_{self.name}": feature_mmd(self.real, features(height, self.domain.cell))}


def quarters(archive: Path, file: Path) -> Path:
    """``archive`` of square tiles with every tile cut in its four quarters, written to ``file``."""
    with np.load(archive, allow_pickle=False) as found:
        parts = {name: found[name] for name in found.files}
    count, side = len(parts["n"]), parts["n"].shape[1] // 2
    cut = parts["n"].reshape(count, 2, side, 2, side).swapaxes(2, 3).reshape(-1, side, side)
    per_tile = {k: np.repeat(v, 4) for k, v in parts.items() if v.shape == (count,)}
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez(file, **{**parts, **per_tile, "n": cut})
    return file


def modes(point: Tensor, centres: Tensor, sigma: float) -> dict[str, float]:
    """Modes found and the percentage of good samples, those within three sigma of a mode, of
    ``point (n, 2)``."""
    apart, nearest = torch.cdist(point, centres).min(dim=1)
    good = apart < 3 * sigma
    held = torch.bincount(nearest[good], minlength=len(centres))
    found = held >= LEAST_SHARE * len(point) / len(centres)
    return {"modes": float(found.sum()), "good": 100 * float(good.float().mean())}


def feature_mmd(real: NDArray[np.float64], made: NDArray[np.float64]) -> float:
    """MMD between feature rows, standardised by the real ones, kernel of ``BANDWIDTHS``."""
    mean, deviation = np.nanmean(real, axis=0), np.nanstd(real, axis=0)

    def rows(table: NDArray[np.float64]) -> Tensor:
        standard = np.clip((table - mean) / deviation, -ODD, ODD)
        return torch.from_numpy(np.nan_to_num(standard, nan=-ODD))

    x, y = rows(real), rows(made)
    return float(discrepancy(gaussian(BANDWIDTHS, typical_distance(x)), x, y).clamp(min=0).sqrt())
