"""Two domains as one: a batch holds unpaired rows of both, for cores that translate.

x = {"a": x_a, "b": x_b},   given = {"a": given_a, "b": given_b},   no properties.

pair = Pair(GaussianRing(), GaussianRing(modes=4))      # or names of installed domains
core = CycleGAN(pair)
Trainer(core, pair.load(None, "train").batch, folder="runs/rings").fit()

From the command line: ``physgan train pair DATA --set domain.a=NAME --set domain.b=NAME`` with a
and b in the folder DATA, then ``physgan translate RUN FILES --to b``.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from physgan import domain as domains
from physgan.domain import Data, Domain, Generator
from physgan.errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SIDES = ("a", "b")


class Pair(Domain):
    """Domains ``a`` and ``b``, instances or names with their options, side by side.

    A native sample is the tuple of both sides' natives. The pair has no network of its own:
    a core builds one set for each side. A side that is missing is an InputError once it is used.
    """

    name = "pair"
    needs = "two domains: --set domain.a=NAME --set domain.b=NAME"

    def __init__(
        self,
        a: Domain | str | None = None,
        b: Domain | str | None = None,
        a_options: Mapping[str, Any] | None = None,
        b_options: Mapping[str, Any] | None = None,
    ) -> None:
        self._told = {
            "a": domains.load(a, **(a_options or {})) if isinstance(a, str) else a,
            "b": domains.load(b, **(b_options or {})) if isinstance(b, str) else b,
        }

    @property
    def sides(self) -> dict[str, Domain]:
        """Both domains by the names of their parts of a batch."""
        found = {side: domain for side, domain in self._told.items() if domain is not None}
        for side in SIDES:
            if side not in found:
                raise InputError(
                    f"a pair needs its side {side!r}",
                    fix=f"--set domain.{side}=NAME, a name of `physgan domains`",
                )
        return found

    @property
    def a(self) -> Domain:
        """The domain of the side a."""
        return self.sides["a"]

    @property
    def b(self) -> Domain:
        """The domain of the side b."""
        return self.sides["b"]

    def load(self, path: Path | None, split: str, properties: Sequence[str] = ()) -> Data:
        """``split`` of both sides: of ``path/a`` and ``path/b`` (any suffix), or of the domains'
        own data; the smaller side is repeated to the length of the larger.

        Raises InputError where a side has no data.
        """
        data = {side: d.load(place(path, side), split) for side, d in self.sides.items()}
        size = max(len(part) for part in data.values())
        rows = {side: torch.arange(size) % len(part) for side, part in data.items()}
        batch = {
            key: TensorDict({s: data[s].batch[key][rows[s]] for s in SIDES}, [size])
            for key in ("x", "given")
        }
        ids = [
            f"{data['a'].ids[i]}|{data['b'].ids[j]}"
            for i, j in zip(rows["a"].tolist(), rows["b"].tolist(), strict=True)
        ]
        refused = [(f"{s}: {row}", why) for s in SIDES for row, why in data[s].refused]
        return Data(TensorDict({**batch, "y": TensorDict({}, [size])}, [size]), ids, refused)

    def vary(self, batch: TensorDict, generator: torch.Generator) -> TensorDict:
        """Both sides varied as their domains do, and paired anew: the rows belong to no one."""
        parts = {}
        for side, domain in self.sides.items():
            own = {k: batch[k, side] for k in ("x", "given")} | {"y": batch["y"]}
            parts[side] = domain.vary(TensorDict(own, batch.batch_size), generator)
        order = torch.randperm(len(batch), generator=generator)
        parts["b"] = parts["b"][order.to(batch.device or "cpu")]
        both = {
            k: TensorDict({s: parts[s][k] for s in SIDES}, batch.batch_size) for k in ("x", "given")
        }
        return TensorDict({**both, "y": batch["y"]}, batch.batch_size)

    def state(self) -> dict[str, Any]:
        states = {side: domain.state() for side, domain in self.sides.items()}
        tensors = {f"{s}.{n}": t for s in SIDES for n, t in states[s]["tensors"].items()}
        return {"json": {s: states[s]["json"] for s in SIDES}, "tensors": tensors}

    def restore(self, state: Mapping[str, Any]) -> None:
        for side, domain in self.sides.items():
            start = f"{side}."
            own = {
                n.removeprefix(start): t for n, t in state["tensors"].items() if n.startswith(start)
            }
            domain.restore({"json": state["json"][side], "tensors": own})

    def generator(self, condition_dim: int, **options: Any) -> Generator:
        raise _no_network()

    def encoder(self, condition_dim: int, **options: Any) -> nn.Module:
        raise _no_network()

    def critic(self, condition_dim: int, **options: Any) -> nn.Module:
        raise _no_network()

    def predictor(self, **options: Any) -> nn.Module:
        raise _no_network()

    def recommended(self) -> dict[str, Any]:
        return {"core": "cycle-gan", "predictor_share": 0.0}

    def decode(self, x: TensorDict) -> list[Any]:
        a, b = self.a.decode(x["a"]), self.b.decode(x["b"])
        return [None if s is None or t is None else (s, t) for s, t in zip(a, b, strict=True)]

    def encode(self, samples: Sequence[Any]) -> tuple[TensorDict, list[int]]:
        a, kept_a = self.a.encode([s for s, _ in samples])
        b, kept_b = self.b.encode([t for _, t in samples])
        kept = sorted(set(kept_a) & set(kept_b))
        parts = {
            "a": a[_positions(kept_a, kept)],
            "b": b[_positions(kept_b, kept)],
        }
        return TensorDict(parts, [len(kept)]), kept

    def write(self, samples: Sequence[Any], names: Sequence[str], folder: Path) -> list[Path]:
        files = []
        for part, (side, domain) in enumerate(self.sides.items()):
            (folder / side).mkdir(exist_ok=True)
            files.append(domain.write([s[part] for s in samples], names, folder / side))
        # One sample's first file per sample comes first, as the contract has it.
        return [*files[0], *files[1]]

    def draw(self, sample: Any) -> Figure:
        from matplotlib.figure import Figure
        from matplotlib.image import imread

        figure = Figure(figsize=(6, 3), layout="constrained")
        panels = figure.subplots(1, 2)
        for axes, domain, part in zip(panels, self.sides.values(), sample, strict=True):
            picture = io.BytesIO()
            domain.draw(part).savefig(picture, format="png", dpi=120)
            picture.seek(0)
            axes.imshow(imread(picture))
            axes.set_axis_off()
        return figure

    def same(self, a: Any, b: Any) -> bool:
        return self.a.same(a[0], b[0]) and self.b.same(a[1], b[1])

    def key(self, sample: Any) -> str:
        return f"{self.a.key(sample[0])}|{self.b.key(sample[1])}"

    def label(self, sample: Any) -> str:
        return f"{self.a.label(sample[0])}, {self.b.label(sample[1])}"


def place(path: Path | None, side: str) -> Path | None:
    """Where the data of ``side`` are in the folder ``path``: what is called so, with any suffix."""
    if path is None:
        return None
    found = sorted(p for p in path.iterdir() if p.stem == side) if path.is_dir() else []
    if not found:
        raise InputError(
            f"no data of the side {side!r}", where=str(path), fix="a folder with a and b in it"
        )
    return found[0]


def _positions(kept: Sequence[int], wanted: Sequence[int]) -> Tensor:
    place = {row: position for position, row in enumerate(kept)}
    return torch.tensor([place[row] for row in wanted], dtype=torch.long)


def _no_network() -> InputError:
    return InputError(
        "a pair of domains has networks for each side, none of its own",
        fix="train it with the core cycle-gan or augmented-cycle-gan",
    )
