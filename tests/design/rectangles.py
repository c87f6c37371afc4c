"""A small domain whose properties, law and oracle are known in closed form: rectangles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from tensordict import TensorDict
from torch import Tensor, nn

from physgan.domain import Data, Domain, Generator, Oracle, Penalty, Projection, Property
from physgan.errors import InputError

NOISE = 0.05


@dataclass(frozen=True)
class Rectangle:
    width: float
    height: float


def area(x: TensorDict) -> Tensor:
    return x["side"].prod(dim=1)


def strength(side: Tensor) -> Tensor:
    return side[:, 0] ** 2 + side[:, 1]


def off_grid(x: TensorDict, given: TensorDict) -> Tensor:
    return (x["side"] - x["side"].mul(10).round().div(10)).abs().sum(dim=1)


def to_grid(x: TensorDict, given: TensorDict) -> TensorDict:
    return TensorDict({"side": x["side"].mul(10).round().div(10)}, batch_size=x.batch_size)


class Press(Oracle):
    """Measures strength without noise, and squeezes a rectangle to half its height."""

    name = "press"
    properties = ("strength",)

    def judge(self, samples: Sequence[Any]) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        for sample in samples:
            if sample.width > 1.75:
                rows.append({"error": "too wide for the press"})
                continue
            rows.append(
                {
                    "strength": sample.width**2 + sample.height,
                    "relaxed_sample": Rectangle(sample.width, sample.height / 2),
                }
            )
        return rows


class Sides(nn.Module):
    feature_dim = 32

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 64), nn.SiLU(), nn.Linear(64, 32), nn.SiLU())

    def forward(self, x: TensorDict, given: TensorDict) -> Tensor:
        return self.net(x["side"])


class Maker(Generator):
    """Sides whose area is what the condition's first entry says, with a random aspect."""

    def __init__(self, condition_dim: int) -> None:
        super().__init__()
        self.latent_dim = 2

    def forward(self, z: Tensor, condition: Tensor, given: TensorDict) -> TensorDict:
        return TensorDict({"side": torch.sigmoid(z) * 2}, batch_size=len(z))

    def nll(self, x, z, condition, given):
        return {"side": (x["side"] - z).square().sum(dim=1)}

    def reconstruct(self, x, z, condition, given):
        return self(z, condition, given)


class Rectangles(Domain):
    name = "rectangles"
    properties = (
        Property("area", "m2", exact=area),
        Property("strength", "kN"),
        Property("shape", classes=("tall", "wide")),
    )

    def load(self, path: Path | None, split: str, properties: Sequence[str] = ()) -> Data:
        seed = {"train": 0, "val": 1, "test": 2}[split]
        draw = torch.Generator().manual_seed(seed)
        side = torch.rand(1500, 2, generator=draw) * 1.9 + 0.1
        noise = NOISE * side[:, 0] * torch.randn(1500, generator=draw)
        y = {
            "area": side.prod(dim=1),
            "strength": strength(side) + noise,
            "shape": (side[:, 0] > side[:, 1]).long(),
        }
        x = TensorDict({"side": side}, batch_size=1500)
        batch = TensorDict(
            {"x": x, "y": TensorDict(y, batch_size=1500), "given": TensorDict({}, [1500])},
            batch_size=1500,
        )
        return Data(batch, [str(i) for i in range(1500)])

    def state(self) -> dict[str, Any]:
        return {"json": {}, "tensors": {}}

    def restore(self, state: Mapping[str, Any]) -> None:
        pass

    def generator(self, condition_dim: int, **options: Any) -> Generator:
        return Maker(condition_dim)

    def encoder(self, condition_dim: int, **options: Any) -> nn.Module:
        raise InputError("rectangles have no encoder")

    def critic(self, condition_dim: int, **options: Any) -> nn.Module:
        raise InputError("rectangles have no critic")

    def predictor(self, **options: Any) -> nn.Module:
        return Sides(**options)

    def penalties(self) -> Sequence[Penalty]:
        return (Penalty("grid", "m", 1e-6, off_grid),)

    def projections(self) -> Sequence[Projection]:
        return (Projection("round", "grid", to_grid, differentiable=False),)

    def oracle(self, name: str | None = None, **options: Any) -> Oracle | None:
        if name not in (None, "press"):
            raise InputError(f"no oracle {name!r}", fix="press")
        return Press()

    def verify(self, samples: Sequence[Any], judged: Sequence[dict[str, Any]]):
        return [{k: row[k] for k in ("strength",) if k in row} for row in judged]

    def decode(self, x: TensorDict) -> list[Any]:
        rows = x["side"].tolist()
        return [Rectangle(round(w, 6), round(h, 6)) if min(w, h) > 0 else None for w, h in rows]

    def encode(self, samples: Sequence[Any]) -> tuple[TensorDict, list[int]]:
        side = torch.tensor([[s.width, s.height] for s in samples])
        return TensorDict({"side": side}, batch_size=len(samples)), list(range(len(samples)))

    def write(self, samples: Sequence[Any], names: Sequence[str], folder: Path) -> list[Path]:
        paths = []
        for sample, name in zip(samples, names, strict=True):
            path = folder / f"{name}.txt"
            path.write_text(f"{sample.width} {sample.height}\n")
            paths.append(path)
        return paths

    def draw(self, sample: Any) -> Figure:
        figure = Figure(figsize=(2, 2))
        axes = figure.subplots()
        axes.bar([0], [sample.height], width=sample.width)
        axes.set(xlim=(-1, 1), ylim=(0, 2))
        return figure

    def validity(self, sample: Any) -> dict[str, bool]:
        return {"not thin": min(sample.width, sample.height) >= 0.2}

    def filters(self, sample: Any) -> dict[str, bool]:
        return {"fits the door": sample.height <= 1.8}

    def fingerprint(self, samples: Sequence[Any]) -> Any:
        return torch.tensor([[s.width, s.height] for s in samples]).numpy()

    def same(self, a: Any, b: Any) -> bool:
        return abs(a.width - b.width) < 0.05 and abs(a.height - b.height) < 0.05

    def key(self, sample: Any) -> str:
        return f"{sample.width:.0f}"

    def label(self, sample: Any) -> str:
        return f"{sample.width:.1f}x{sample.height:.1f}"


class Run:
    """The part of a trained run that a proposal needs, with a perfect generator of areas."""

    def __init__(self, domain: Domain, schema, predictor, folder: Path) -> None:
        self.domain, self.schema, self.folder, self._predictor = domain, schema, folder, predictor
        self.core = nn.Identity()

    def predictor(self):
        return self._predictor

    def ask(self, n: int, targets: Sequence[Any], seed: int) -> tuple[torch.Tensor, TensorDict]:
        """Every rectangle is asked for what the target says."""
        asked = {target.name: torch.full((n,), target.low) for target in targets}
        given = TensorDict({"asked": TensorDict(asked, [n])}, [n])
        return self.schema(asked) if asked else self.schema.unknown(n), given

    def sample(self, n: int, targets: Sequence[Any], seed: int) -> TensorDict:
        draw = torch.Generator().manual_seed(seed)
        side = torch.rand(n, 2, generator=draw) * 1.95 + 0.05
        return TensorDict({"side": side}, batch_size=n)
