"""The crystal domain: what a materials scientist's data, laws and judges are to the framework."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from tensordict import TensorDict
from torch import nn

from physgan.domain import Data, Domain, Generator, Oracle, Penalty, Projection, Property
from physgan.errors import InputError
from physgan_crystal.exact import EXACT, exact_properties

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pymatgen.core import Structure

    from physgan_crystal.symmetry.library import TemplateLibrary
    from physgan_crystal.verified import CalibratedEnergy

SHIPPED = Path(__file__).parent / "weights" / "perov5"
EMBEDDED = Path(__file__).parent / "data" / "prototypes.csv.xz"
EMBEDDED_PROPERTIES = ("energy_per_atom", "density", "volume_per_atom")
CRITIC = {"layers": 2, "hidden": 48, "feature_dim": 48, "cutoff": 4.5, "angular": 4}


class CrystalDomain(Domain):
    """``symmetry`` is ``detect`` (a Wyckoff template per crystal), ``common`` (one template, the
    common subgroup of all rows) or ``auto``; ``symprec`` in A is spglib's tolerance; ``backbone``
    is ``invariant`` or ``equivariant``; ``on_bad`` rows are ``skip``-ped or ``refuse``-d;
    ``cif_column`` names the CSV column that holds CIF texts.
    """

    name = "crystal"

    def __init__(
        self,
        symmetry: str = "auto",
        symprec: float = 0.1,
        backbone: str = "invariant",
        on_bad: str = "skip",
        cif_column: str = "cif",
        workers: int = 2,
    ) -> None:
        self.symmetry, self.symprec, self.backbone = symmetry, symprec, backbone
        self.on_bad, self.cif_column, self.workers = on_bad, cif_column, workers
        self._library: TemplateLibrary | None = None
        self.elements = torch.zeros(100, dtype=torch.bool)
        self.lattice_scale = (torch.zeros(6), torch.ones(6))
        self.calibration: dict[str, CalibratedEnergy] = {}

    @property
    def library(self) -> TemplateLibrary:
        """The Wyckoff templates of the training data."""
        if self._library is None:
            raise InputError("the crystal domain has seen no data", fix="load a training split")
        return self._library

    def load(self, path: Path | None, split: str, properties: Sequence[str] = ()) -> Data:
        from physgan_crystal.loading import load_split

        if path is None and not properties:
            properties = EMBEDDED_PROPERTIES
        return load_split(self, path or EMBEDDED, split, properties)

    def fit(self, library: TemplateLibrary, x: TensorDict) -> None:
        """Bind the domain to its training rows: templates, elements and lattice scales."""
        self._library = library
        self.elements = x["species"].sum(dim=(0, 1)) > 0
        free = library.lattice_free[x["template"]]
        count = free.sum(dim=0).clamp(min=1)
        mean = (x["lattice"] * free).sum(dim=0) / count
        spread = ((x["lattice"] - mean).square() * free).sum(dim=0) / count
        varied = spread > 1e-8
        self.lattice_scale = (mean, torch.where(varied, spread.sqrt(), torch.ones_like(mean)))

    def declare(self, names: Sequence[str], units: Mapping[str, str] | None = None) -> None:
        """Make ``names`` the properties of this domain, exact ones by formula."""
        exact = exact_properties(self.library)
        known = units or {}
        self.properties = tuple(
            exact[name] if name in EXACT else Property(name, known.get(name, "")) for name in names
        )

    def state(self) -> dict[str, Any]:
        library = self.library.state()
        return {
            "json": {
                "options": {
                    "symmetry": self.symmetry,
                    "symprec": self.symprec,
                    "backbone": self.backbone,
                },
                "properties": [[p.name, p.unit] for p in self.properties],
                "library": library["json"],
                "calibration": {n: c.state() for n, c in self.calibration.items()},
            },
            "tensors": {
                **{f"library.{name}": value for name, value in library["tensors"].items()},
                "elements": self.elements,
                "lattice_mean": self.lattice_scale[0],
                "lattice_std": self.lattice_scale[1],
            },
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        from physgan_crystal.symmetry.library import TemplateLibrary
        from physgan_crystal.verified import CalibratedEnergy

        plain, tensors = state["json"], state["tensors"]
        for name, value in plain["options"].items():
            setattr(self, name, value)
        parts = {n.removeprefix("library."): v for n, v in tensors.items() if "library." in n}
        self._library = TemplateLibrary.from_state({"json": plain["library"], "tensors": parts})
        self.elements = tensors["elements"].bool()
        self.lattice_scale = (tensors["lattice_mean"], tensors["lattice_std"])
        units = dict(plain["properties"])
        self.declare(list(units), units)
        self.calibration = {
            n: CalibratedEnergy.from_state(c) for n, c in plain.get("calibration", {}).items()
        }

    def calibrate(self, data: Data, names: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Fit the elemental references that turn the oracle's energies into ``names``."""
        from physgan_crystal.verification import calibrate

        self.calibration = calibrate(data, names)
        keys = ("mae", "r2", "slope", "per", "rows")
        return {n: {k: c.state()[k] for k in keys} for n, c in self.calibration.items()}

    def generator(self, condition_dim: int, **options: Any) -> Generator:
        from physgan_crystal.networks.generator import CrystalGenerator

        return CrystalGenerator(
            self.library, condition_dim, self.lattice_scale, self.elements, **options
        )

    def encoder(self, condition_dim: int, **options: Any) -> nn.Module:
        from physgan_crystal.networks.encoder import CrystalEncoder

        for generators_own in ("components", "temperature"):
            options.pop(generators_own, None)
        return CrystalEncoder(self.library, condition_dim, self.lattice_scale, **options)

    def critic(self, condition_dim: int, **options: Any) -> nn.Module:
        from physgan_crystal.networks.critic import CrystalCritic

        return CrystalCritic(self.library, condition_dim, **{"kind": self.backbone, **options})

    def autoencoder_critic(self, condition_dim: int, **options: Any) -> nn.Module:
        from physgan.autoencoder_critic import plain_autoencoder

        told = {"template": len(self.library)}
        return plain_autoencoder(self, condition_dim, told=told, **options)

    def predictor(self, **options: Any) -> nn.Module:
        from physgan_crystal.networks.predictor import CrystalPredictor

        return CrystalPredictor(self.library, **{"kind": self.backbone, **options})

    def augment(self, x: TensorDict) -> TensorDict:
        """Slightly strained and displaced; the volume stays where a property is made of it."""
        from physgan_crystal.augment import strained

        volumes = {"density", "volume_per_atom"} & {prop.name for prop in self.properties}
        return strained(x, self.library, keep_volume=bool(volumes))

    def recommended(self) -> dict[str, Any]:
        return {
            "core": "vae-gan",
            "cores": {
                "vae-gan": {
                    "latent_dim": 24,
                    "beta": 0.3,
                    "beta_warmup": 400,
                    "start": 400,
                    "interval": 4,
                    "regularizer_interval": 4,
                    "reconstruction": {"geometry": 0.1},
                    "network": {"width": 96, "temperature": 0.4},
                    "critic_network": CRITIC,
                },
                "physics-gan": {
                    "latent_dim": 24,
                    "network": {"width": 96},
                    "critic_network": CRITIC,
                },
            },
            "trainer": {"batch_size": 128, "lr": 2e-3, "critic_lr": 5e-4, "betas": [0.9, 0.99]},
            "predictor": {
                "members": 3,
                "batch_size": 64,
                "learning_rate": 2e-3,
                "backbone": {"layers": 2, "hidden": 64, "angular": 4},
            },
        }

    def penalties(self) -> Sequence[Penalty]:
        from physgan_crystal.laws import penalties

        return penalties(self.library)

    def projections(self) -> Sequence[Projection]:
        from physgan_crystal.laws import projections

        return projections(self.library)

    def oracle(self, name: str | None = None, **options: Any) -> Oracle:
        from physgan_crystal.oracle import CHGNetOracle

        if name not in (None, "chgnet"):
            raise InputError(f"no oracle called {name!r} for crystals", fix="use chgnet")
        return CHGNetOracle(**options)

    def verify(
        self, samples: Sequence[Structure], judged: Sequence[Mapping[str, Any]]
    ) -> list[dict[str, float]]:
        """Properties from the oracle's energies through calibrated elemental references."""
        from physgan_crystal.verification import verified_rows

        return verified_rows(self.calibration, samples, judged)

    def decode(self, x: TensorDict) -> list[Structure | None]:
        from physgan_crystal.symmetry.structure import to_structures

        return to_structures(x, self.library)

    def encode(self, samples: Sequence[Structure]) -> tuple[TensorDict, list[int]]:
        from physgan_crystal.symmetry import encode

        kind: Any = self.symmetry
        found = encode(samples, symmetry=kind, library=self.library, symprec=self.symprec)
        return found.x, found.kept

    def write(self, samples: Sequence[Structure], names: Sequence[str], folder: Path) -> list[Path]:
        from physgan_crystal.io.write import write_structures

        return write_structures(samples, names, folder)

    def draw(self, sample: Structure) -> Figure:
        from physgan_crystal.draw import draw_crystal

        return draw_crystal(sample)

    def validity(self, sample: Structure) -> dict[str, bool]:
        from physgan_crystal.metrics.validity import structure_valid

        return {"structure": structure_valid(sample)}

    def filters(self, sample: Structure) -> dict[str, bool]:
        from physgan_crystal.metrics.validity import composition_valid

        return {"smact": composition_valid(sample.composition)}

    def fingerprint(self, samples: Sequence[Structure]) -> np.ndarray:
        from physgan_crystal.metrics.fast_fingerprint import fingerprints

        found = fingerprints(samples)
        width = next((len(row) for row in found if row is not None), 1)
        return np.stack([np.full(width, np.nan) if row is None else row for row in found])

    def same(self, a: Structure, b: Structure) -> bool:
        from pymatgen.analysis.structure_matcher import StructureMatcher

        return bool(StructureMatcher().fit(a, b))

    def key(self, sample: Structure) -> str:
        return sample.composition.reduced_formula

    def label(self, sample: Structure) -> str:
        return sample.composition.reduced_formula

    def evaluator(self) -> Callable[..., dict[str, Any]]:
        from physgan_crystal.evaluation import evaluate_crystals

        return evaluate_crystals

    def read_samples(self, folder: Path) -> list[Structure]:
        """The crystals in a folder of CIF, POSCAR or extxyz files, or any table we read."""
        from physgan_crystal.io import read_table

        return read_table(folder, on_bad=self.on_bad).structures  # type: ignore[arg-type]

    def shipped_run(self) -> Path:
        """The folder of the ready weights."""
        return SHIPPED
