"""The foam domain: what label fields, their laws and their solver are to the framework."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from tensordict import TensorDict
from torch import Tensor, nn

from physgan.domain import Data, Oracle, Penalty, Projection, Property
from physgan.errors import InputError
from physgan.sequences import Pace, SequenceDomain, Stepper, Values, Watched
from physgan_foam.foam import Foam

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHIPPED = Path(__file__).parent / "weights" / "coarsening"
STEP = 0.2
"""Mean areas that a pass takes where nobody says."""
BETA = 0.1
"""Dry foam, where nobody says."""
PROPERTIES = (Property("step", "mean areas", log=True), Property("beta", "1", log=True))


class FoamDomain(SequenceDomain):
    """``passes`` is the length of training windows; ``tolerance`` in sides is the error of von
    Neumann's law that training accepts. Rollouts obey it by label biases found in so many rounds of
    ``pressures`` (0: none, 1: the areas that the network expects, each further one: those of the
    law by the side numbers of the last), and look at a foam in a form drawn at random in each pass
    unless ``forms`` is false.
    """

    name = "foam"
    time_unit = "px^2"
    properties = PROPERTIES

    def __init__(
        self, passes: int = 3, tolerance: float = 0.3, pressures: int = 2, forms: bool = True
    ) -> None:
        if passes < 1 or pressures < 0:
            raise InputError(
                f"windows of {passes} passes, {pressures} rounds of pressures",
                fix="1 or more, 0 or more",
            )
        self.passes, self.tolerance = passes, tolerance
        self.pressures, self.forms = pressures, forms

    def load(self, path: Path | None, split: str, properties: Sequence[str] = ()) -> Data:
        from physgan_foam.loading import load_windows

        known = [prop.name for prop in PROPERTIES]
        if unknown := [name for name in properties if name not in known]:
            raise InputError(f"foam has no property {unknown[0]!r}", fix=", ".join(known))
        return load_windows(path, split, self.passes)

    def state(self) -> dict[str, Any]:
        return {"json": {"passes": self.passes, "tolerance": self.tolerance}, "tensors": {}}

    def restore(self, state: Mapping[str, Any]) -> None:
        self.passes, self.tolerance = state["json"]["passes"], state["json"]["tolerance"]

    def vary(self, batch: TensorDict, generator: torch.Generator) -> TensorDict:
        from physgan_foam.augment import vary

        return vary(batch, generator)

    def stepper(self, condition_dim: int, *, kind: str = "pointer", **options: Any) -> Stepper:
        """``kind``: ``pointer``, or ``unet`` to compare with."""
        if kind == "unet":
            from physgan_foam.networks.unet import UNetStepper

            return UNetStepper(condition_dim, **options)
        if kind != "pointer":
            raise InputError(f"there is no stepper {kind!r}", fix="pointer or unet")
        from physgan_foam.networks.stepper import FoamStepper

        return FoamStepper(condition_dim, forms=self.forms, **options)

    def critic(self, condition_dim: int, **options: Any) -> nn.Module:
        from physgan_foam.networks.critic import FilmCritic

        return FilmCritic(condition_dim, **options)

    def pair_critic(self, condition_dim: int, **options: Any) -> nn.Module:
        from physgan_foam.networks.critic import FilmCritic

        return FilmCritic(condition_dim, pairs=True, **options)

    def autoencoder_critic(self, condition_dim: int, **options: Any) -> nn.Module:
        from physgan_foam.networks.critic import film_autoencoder

        return film_autoencoder(condition_dim, **options)

    def autoencoder_pair_critic(self, condition_dim: int, **options: Any) -> nn.Module:
        from physgan_foam.networks.critic import film_autoencoder

        return film_autoencoder(condition_dim, pairs=True, **options)

    def augment(self, x: TensorDict) -> TensorDict:
        from physgan_foam.augment import augment

        return augment(x)

    def penalties(self) -> Sequence[Penalty]:
        from physgan_foam.laws import PlateauLaw, VonNeumannLaw

        return (
            Penalty("von Neumann", "sides", self.tolerance, VonNeumannLaw()),
            Penalty("Plateau", "degrees", 15.0, PlateauLaw()),
        )

    def projections(self) -> Sequence[Projection]:
        from physgan_foam.laws import Pressures

        if not self.pressures:
            return ()
        return (
            Projection(
                "pressures", "pixel areas", Pressures(rounds=self.pressures), differentiable=False
            ),
        )

    def oracle(self, name: str | None = None, **options: Any) -> Oracle | None:
        from physgan_foam.oracle import Solver

        if name not in (None, "front-tracking"):
            raise InputError(f"foam has no oracle {name!r}", fix="front-tracking")
        return Solver(**options)

    def recommended(self) -> dict[str, Any]:
        return {
            **super().recommended(),
            "cores": {
                "stepper-gan": {
                    "passes": self.passes,
                    "grow_until": 0.5,
                    "tolerances": {"Plateau": float("inf")},
                    "critic_network": {"width": 48},
                }
            },
            "trainer": {
                "batch_size": 16,
                "lr": 2e-3,
                "betas": [0.9, 0.99],
                "schedule": "cosine",
                "gradient_clip": 1.0,
            },
        }

    def begin(
        self, path: Path | None, n: int, seed: int, *, bubbles: int = 1000, size: int = 256,
        films: Literal["auto", "dark", "bright"] = "auto",
    ) -> TensorDict:  # fmt: skip
        """Voronoi foams of ``bubbles`` on ``size`` pixels a side, or what the file shows: labels
        (png, npy, npz) or a picture of ``films``, see ``segment``."""
        from physgan_foam.initial import voronoi_labels
        from physgan_foam.segment import read_labels

        if path is not None:
            fields = [read_labels(path, films=films)] * n
        else:
            fields = [voronoi_labels(bubbles, (size, size), seed + i) for i in range(n)]
        return self.encode([Foam(labels) for labels in fields])[0]

    def pace(self, state: TensorDict, y: Values) -> Pace:
        """A pass takes ``step`` mean areas, so that each is the same problem."""
        rows = len(state["labels"])
        told = {"step": torch.full((rows,), STEP), "beta": torch.full((rows,), BETA), **y}
        mean = torch.tensor([foam.mean_area for foam in self.decode(state)])
        return Pace(told, told["step"] * mean.to(told["step"]))

    def watch(
        self, state: TensorDict, previous: TensorDict | None, y: Values, elapsed: Tensor | None
    ) -> dict[str, Watched]:
        from physgan_foam.watching import watch

        return watch(self, state, previous, y, elapsed)

    def decode(self, x: TensorDict) -> list[Any]:
        if x["labels"].ndim == 4:
            x = x[:, 0]  # type: ignore[assignment]
        labels, block = x["labels"].cpu().numpy(), x["block"].tolist()
        return [Foam(row.astype(np.int32), int(b)) for row, b in zip(labels, block, strict=True)]

    def encode(self, samples: Sequence[Foam]) -> tuple[TensorDict, list[int]]:
        kept = [i for i, foam in enumerate(samples) if foam.labels.shape == samples[0].labels.shape]
        labels = torch.from_numpy(np.stack([samples[i].labels for i in kept]).astype(np.int32))
        block = torch.tensor([samples[i].block for i in kept], dtype=torch.int16)
        return TensorDict({"labels": labels, "block": block}, [len(kept)]), kept

    def write(self, samples: Sequence[Foam], names: Sequence[str], folder: Path) -> list[Path]:
        """Labels as npz, one file a foam."""
        import io

        from physgan.training.files import write_atomic

        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / f"{name}.npz" for name in names]
        for foam, path in zip(samples, paths, strict=True):
            buffer = io.BytesIO()
            np.savez_compressed(buffer, labels=foam.labels, block=foam.block)
            write_atomic(path, buffer.getvalue())
        return paths

    def draw(self, sample: Foam) -> Figure:
        from physgan_foam.draw import draw

        return draw(sample)

    def picture(self, state: TensorDict) -> np.ndarray:
        from physgan_foam.draw import picture

        return picture(self.decode(state)[0])

    def fingerprint(self, samples: Sequence[Foam]) -> Any:
        """Figures of the whole foam ``(n, 5)``: see ``measures.summary``."""
        from physgan_foam.measures import summary

        return np.array([list(summary([foam]).values()) for foam in samples])

    def same(self, a: Foam, b: Foam) -> bool:
        return bool(np.array_equal(a.labels, b.labels))

    def key(self, sample: Foam) -> str:
        import hashlib

        return hashlib.sha256(sample.labels.tobytes()).hexdigest()[:16]

    def label(self, sample: Foam) -> str:
        return f"{sample.bubbles} bubbles"

    def validity(self, sample: Foam) -> dict[str, bool]:
        from physgan_foam.labels import components

        return {"no bubble is torn": components(sample.grid) == sample.bubbles}

    def shipped_run(self) -> Path:
        """The folder of the ready weights."""
        return SHIPPED

    def evaluator(self) -> Callable[..., dict[str, Any]]:
        from physgan_foam.evaluation import evaluate_foam

        return evaluate_foam

    citations = """@article{vonneumann1952,
  author = {von Neumann, John},
  title = {Discussion: shape of metal grains},
  journal = {Metal Interfaces (American Society for Metals)}, year = {1952}, pages = {108--110}
}
@article{kern2004,
  author = {Kern, N. and Weaire, D. and Martin, A. and Hutzler, S. and Cox, S. J.},
  title = {Two-dimensional viscous froth model for foam dynamics},
  journal = {Physical Review E}, volume = {70}, pages = {041411}, year = {2004}
}
@article{lazar2010,
  author = {Lazar, E. A. and MacPherson, R. D. and Srolovitz, D. J.},
  title = {A more accurate two-dimensional grain growth algorithm},
  journal = {Acta Materialia}, volume = {58}, pages = {364--372}, year = {2010}
}
@misc{perez2017,
  author = {Perez, Ethan and Strub, Florian and de Vries, Harm and Dumoulin, Vincent and
            Courville, Aaron},
  title = {{FiLM}: Visual Reasoning with a General Conditioning Layer},
  eprint = {1709.07871}, archivePrefix = {arXiv}, year = {2017}
}
"""
