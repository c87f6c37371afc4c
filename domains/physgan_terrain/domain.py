"""The terrain domain: what elevation data, slope limits and landscapes are to the framework."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from tensordict import TensorDict
from torch import Tensor, nn

from physgan.domain import Data, Domain, Generator, Penalty, Projection
from physgan.errors import InputError
from physgan_terrain import exact
from physgan_terrain.classes import CLASSES, one_hot
from physgan_terrain.heightmap import Heightmap
from physgan_terrain.job import TerrainJob
from physgan_terrain.lots import COLUMNS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from physgan.conditions import ConditionSchema
    from physgan.run import Run

EMBEDDED = Path(__file__).parent / "data" / "tiles.npz"
SHIPPED = Path(__file__).parent / "weights" / "landscapes"
DEFAULT = ("class", *exact.UNITS)


class TerrainDomain(Domain):
    """``tile`` is the side of training tiles in cells; ``step`` in metres the one in which the data
    give heights (0 for continuous ones). Of maps in folders, ``cell`` in metres is the size where
    files do not say it, ``nodata`` holes are ``refuse``-d or ``fill``-ed, and ``reproject`` warps
    maps in degrees to metres.
    """

    name = "terrain"
    job = TerrainJob

    def __init__(
        self,
        tile: int = 64,
        step: float = 0.5,
        cell: float | None = None,
        nodata: str = "refuse",
        reproject: bool = False,
    ) -> None:
        if tile < 32 or tile % 32:
            raise InputError(f"tiles of {tile} cells", fix="a multiple of 32")
        if nodata not in ("refuse", "fill"):
            raise InputError(f"nodata={nodata!r}", fix="refuse or fill")
        self.tile, self.step, self.cell_option = tile, step, cell
        self.nodata: Literal["refuse", "fill"] = "fill" if nodata == "fill" else "refuse"
        self.reproject = reproject
        self._cell: float | None = None
        self.classes: tuple[str, ...] = CLASSES
        self.octaves, self.base = torch.zeros(0, 0), torch.zeros(0)
        self.lots = torch.zeros(0, len(COLUMNS))
        self.typical: dict[str, dict[str, tuple[float, ...]]] = {}

    @property
    def cell(self) -> float:
        """Size in metres of a cell of the training data."""
        if self._cell is None:
            raise InputError("the terrain domain has seen no data", fix="load a training split")
        return self._cell

    def load(self, path: Path | None, split: str, properties: Sequence[str] = ()) -> Data:
        from physgan_terrain.loading import load_split

        return load_split(self, path or EMBEDDED, split, properties)

    def known_classes(self, found: Sequence[str]) -> tuple[str, ...]:
        """The ten classes where ``found`` are among them, else ``found`` themselves."""
        return CLASSES if set(found) <= set(CLASSES) else tuple(found)

    def fit(self, cell: float, classes: tuple[str, ...], height: Tensor, index: Tensor) -> None:
        """Bind the domain to its training tiles ``height (N, 1, S, S)`` and their class indices."""
        from physgan_terrain.loading import class_octaves, typical_features

        self._cell, self.classes = cell, classes
        self.octaves, self.base = class_octaves(height, index, len(classes))
        self.typical = typical_features(height, index, classes, cell)

    def declare(self, names: Sequence[str]) -> None:
        """Make ``names`` the properties of this domain; all where none is named."""
        known = exact.properties(self.cell, self.classes)
        for name in names:
            if name not in known:
                raise InputError(f"terrain has no property {name!r}", fix=", ".join(known))
        self.properties = tuple(known[name] for name in names or DEFAULT)

    def state(self) -> dict[str, Any]:
        return {
            "json": {
                "cell": self.cell,
                "tile": self.tile,
                "classes": list(self.classes),
                "properties": [p.name for p in self.properties],
                "typical": self.typical,
            },
            "tensors": {"octaves": self.octaves, "base": self.base, "lots": self.lots},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        plain, tensors = state["json"], state["tensors"]
        self._cell, self.tile = plain["cell"], plain["tile"]
        self.classes = tuple(plain["classes"])
        self.typical = plain["typical"]
        self.octaves, self.base = tensors["octaves"], tensors["base"]
        self.lots = tensors["lots"]
        self.declare(plain["properties"])

    def vary(self, batch: TensorDict, generator: torch.Generator) -> TensorDict:
        from physgan_terrain.augment import vary

        return vary(batch, generator, self.cell, self.step)

    def augment(self, x: TensorDict) -> TensorDict:
        from physgan_terrain.mirror import turned

        return turned(x)

    def generator(self, condition_dim: int, **options: Any) -> Generator:
        return self._generator(condition_dim, one_hot(self.properties), **options)

    def translator(self, source: Domain, latent_dim: int, **options: Any) -> nn.Module:
        """The framework's way, by a generator that looks for no class in what it is told."""
        from physgan.cores.translator import Translator

        return Translator(source, lambda dim: self._generator(dim, None, **options), latent_dim)

    def _generator(self, condition_dim: int, classes: slice | None, **options: Any) -> Generator:
        from physgan_terrain.networks.generator import TerrainGenerator

        given = {"latent_dim": 4 * (self.tile // 8) ** 2, "tile": self.tile, **options}
        return TerrainGenerator(condition_dim, self.octaves, self.base, classes, **given)

    def encoder(self, condition_dim: int, **options: Any) -> nn.Module:
        from physgan_terrain.networks.critic import TerrainEncoder

        kept = {name: options[name] for name in ("latent_dim",) if name in options}
        return TerrainEncoder(condition_dim, tile=self.tile, **kept)

    def critic(self, condition_dim: int, **options: Any) -> nn.Module:
        from physgan_terrain.networks.critic import TerrainCritic

        return TerrainCritic(condition_dim, tile=self.tile, **options)

    def autoencoder_critic(self, condition_dim: int, **options: Any) -> nn.Module:
        from physgan_terrain.networks.autoencoder import TerrainAutoencoder

        return TerrainAutoencoder(tile=self.tile, **options)

    def predictor(self, **options: Any) -> nn.Module:
        from physgan_terrain.networks.critic import TerrainPredictor

        return TerrainPredictor(**options)

    def recommended(self) -> dict[str, Any]:
        latent = 4 * (self.tile // 8) ** 2
        common = {"objective": "non-saturating", "regularizer_interval": 8, "latent_dim": latent}
        return {
            "core": "physics-gan",
            # All properties but the class follow from heights; nothing needs a prediction.
            "predictor_share": 0.0,
            "cores": {
                "physics-gan": {
                    **common,
                    "regularizer": "r1",
                    "regularizer_constants": {"gamma": 0.5},
                    "asked": 10.0,
                    "auxiliary": 0.2,
                    "condition_drop": 0.3,
                },
                "bigan": common,
                # A standard normal prior, because a world's latents belong to places.
                "vae-gan": {
                    **common,
                    "prior": {"transforms": 0},
                    # Its densities are sharp; at full weight the critic would not be heard.
                    "reconstruction": {"relief_8": 0.1, "relief_4": 0.1},
                    "beta_warmup": 200,
                    "start": 100,
                    "adversarial": 20.0,
                    "feature": 5.0,
                    "auxiliary": 5.0,
                    "asked": 20.0,
                },
            },
            "trainer": {
                "batch_size": 16,
                "lr": 1e-3,
                "critic_lr": 1e-3,
                "betas": [0.0, 0.99],
                "schedule": "cosine",
            },
        }

    def penalties(self) -> Sequence[Penalty]:
        from physgan_terrain.laws import SlopeLaw

        return (Penalty("slope", "1", 1e-3, SlopeLaw(self.cell)),)

    def projections(self) -> Sequence[Projection]:
        from physgan_terrain.laws import SlopeCut
        from physgan_terrain.settle import Settle

        return (
            # Not in training: the critic should see hollows and slopes that the network made wrong.
            Projection("asked figures", "", Settle(self.cell), differentiable=False),
            Projection("slope limit", "slope", SlopeCut(self.cell)),
        )

    def decode(self, x: TensorDict) -> list[Heightmap | None]:
        z = x["height"][:, 0].detach().cpu().float().numpy()
        return [Heightmap(tile, self.cell) if bool((tile == tile).all()) else None for tile in z]

    def encode(self, samples: Sequence[Heightmap]) -> tuple[TensorDict, list[int]]:
        kept = [i for i, sample in enumerate(samples) if sample.shape == (self.tile, self.tile)]
        tiles = [torch.from_numpy(samples[i].z.copy())[None] for i in kept]
        shape = (0, 1, self.tile, self.tile)
        height = torch.stack(tiles) if tiles else torch.zeros(shape)
        return TensorDict({"height": height}, [len(kept)]), kept

    def write(self, samples: Sequence[Heightmap], names: Sequence[str], folder: Path) -> list[Path]:
        from physgan_terrain.io.write import write

        folder.mkdir(parents=True, exist_ok=True)
        return [
            write(sample, folder / f"{name}.tif", formats=("geotiff",))[0]
            for sample, name in zip(samples, names, strict=True)
        ]

    def draw(self, sample: Heightmap) -> Figure:
        from physgan_terrain.io.draw import draw_hillshade

        return draw_hillshade(sample)

    def answer(
        self, run: Run, job: TerrainJob, seed: int, out: Path, say: Callable[[str], None]
    ) -> None:
        """A piece of a world, as files in the folder ``out``."""
        from physgan_terrain.answer import answer

        answer(run, job, seed, out, say)

    def shipped_run(self) -> Path:
        """The folder of the ready weights."""
        return SHIPPED

    def ordinary(self, schema: ConditionSchema, n: int) -> tuple[Tensor, TensorDict]:
        """As real tiles are, every class as often, each with the slope limit that it keeps."""
        from physgan_terrain.lots import draw_lots, values_of

        classes = self.lots[:, 0].unique().long()
        index = classes[torch.arange(n) * len(classes) // n]
        # A generator of its own, because cards are dealt without looking at torch's.
        dice = torch.Generator().manual_seed(int(torch.randint(2**31, ())))
        lots = draw_lots(self.lots, index, dice)
        names = [prop.name for prop in schema.properties if prop.name in COLUMNS]
        return schema(values_of(lots, names)), TensorDict({"limit": lots[:, -1]}, [n])

    def read_samples(self, folder: Path) -> list[Heightmap]:
        """Tiles of the maps in a folder, side by side, with the classes of its sub-folders."""
        from physgan_terrain.evaluation import read_tiles_of

        return read_tiles_of(self, folder)

    def evaluator(self) -> Callable[..., dict[str, Any]]:
        from physgan_terrain.evaluation import evaluate_terrain

        return evaluate_terrain

    def fingerprint(self, samples: Sequence[Heightmap]) -> Any:
        import numpy as np

        from physgan_terrain.measures.features import features

        return features(np.stack([sample.z for sample in samples]), self.cell)

    def key(self, sample: Heightmap) -> str:
        import hashlib

        return hashlib.sha256(sample.z.round(1).tobytes()).hexdigest()[:16]

    def same(self, a: Heightmap, b: Heightmap) -> bool:
        return a.shape == b.shape and bool(abs(a.z - b.z).max() < self.step)

    def label(self, sample: Heightmap) -> str:
        low, high = float(sample.z.min()), float(sample.z.max())
        return f"{low:.0f}-{high:.0f} m"
