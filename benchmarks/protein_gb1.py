"""GB1 on request: what the shipped model makes of a wish, judged by measurements; its intervals;
and how fast sequences are sampled."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tensordict import TensorDict

from physgan.conditions import Target
from physgan.predictors import measure
from physgan.run import Run
from physgan.scales import scaled, unscaled
from physgan_protein import ProteinDomain
from physgan_protein.alphabet import AMINO_ACIDS, decode, encode, one_hot
from physgan_protein.metrics.control import calibration
from physgan_protein.metrics.edits import unique_share
from physgan_protein.oracles.landscape import Landscape
from physgan_protein.oracles.measured import GB1
from runs import kept

DRAWN = 4000
ASKED = 4.0
"""The request, in deviations of the property on its own scale above the mean: about 3 wild types.
2.4 % of the measured variants are above the wild type, 1."""
Figures = dict[str, Any]


class Judge:
    """Measured values, and the scale on which errors are told: that of the model's conditions."""

    def __init__(self, run: Run, data: Path) -> None:
        self.landscape: Landscape = GB1.landscape(data)
        self.run = run
        (self.prop,) = run.schema.properties

    def z(self, values: Any) -> NDArray[np.float64]:
        """Deviations above the mean of the training data, of values in wild types."""
        found = scaled(self.prop, torch.as_tensor(np.asarray(values), dtype=torch.double))
        return ((found - self.run.schema.mean[0]) / self.run.schema.std[0]).numpy()

    def value(self, z: float) -> float:
        """The value in wild types that is ``z`` deviations above the mean."""
        raw = torch.tensor(z) * self.run.schema.std[0] + self.run.schema.mean[0]
        return float(unscaled(self.prop, raw))

    def figures(self, designs: Sequence[str]) -> Figures:
        """Of designs for ASKED. Shares and errors are of distinct designs that were measured."""
        distinct = list(dict.fromkeys(designs))
        told = self.landscape.score(distinct)
        known = np.isfinite(told)
        if not known.any():
            return {"gb1_unique": unique_share(designs)}
        return {
            "gb1_share_above_wt": 100 * float((told[known] > 1).mean()),
            "gb1_unique": unique_share(designs),
            "gb1_target_mae": float(np.abs(self.z(told[known]) - ASKED).mean()),
            "gb1_mean_fitness": float(told[known].mean()),
            "gb1_best": float(told[known].max() / GB1.high),
            "gb1_measured": 100 * float(known.mean()),
            "gb1_asked": self.value(ASKED),
        }

    def calibration(self, seed: int) -> Figures:
        """What comes when each tenth of the data is asked for, 400 draws each."""
        asked, achieved = [], []
        for tenth in range(10):
            value = float(self.run.schema.quantiles[0][10 * tenth + 5])
            made = self.sample(value, 400, seed)
            asked += [float(self.z([value])[0])] * len(made)
            achieved += self.z(self.landscape.score(made)).tolist()
        found = calibration(asked, achieved)
        return {"gb1_spearman": found["spearman"], "gb1_monotone": found["monotone"],
                "gb1_tenths": found["rows"]}  # fmt: skip

    def sample(self, value: float, n: int, seed: int) -> list[str]:
        target = Target(self.prop.name, "value", value, value)
        made = self.run.domain.decode(self.run.sample(n, [target], seed=seed))
        return [s for s in made if s is not None]


def gb1(
    folder: Path, data: Path, work: Path, seeds: list[int]
) -> tuple[Figures, dict[str, Figures], Figures]:
    """Ours, baselines and the figures of every seed."""
    run = Run.open(folder)
    judge = Judge(run, data)
    asked = judge.value(ASKED)

    def one(seed: int) -> Figures:
        ours = judge.figures(judge.sample(asked, DRAWN, seed)) | judge.calibration(seed)
        return {"ours": ours, **{n: judge.figures(s) for n, s in others(judge, seed).items()}}

    rows = [kept(work / f"gb1-{seed}.json", lambda s=seed: one(s)) for seed in seeds]
    parts = {name: middle([row[name] for row in rows]) for name in rows[0]}
    ours = parts.pop("ours")
    ours["gb1_monotone"] = all(row["ours"]["gb1_monotone"] for row in rows)
    return ours, parts, {"gb1": rows}


def others(judge: Judge, seed: int) -> dict[str, list[str]]:
    """Designs that no generator made: at random, near the wild type, and by search on the same
    predictor for the request."""
    rng = np.random.default_rng(seed)
    wild = encode([GB1.wild_type], 4)
    near = np.repeat(wild, DRAWN, axis=0)
    near[np.arange(DRAWN), rng.integers(0, 4, DRAWN)] = rng.integers(0, 20, DRAWN)
    found = {
        "random": decode(rng.integers(0, 20, (DRAWN, 4))),
        "wild type + 1": decode(near),
    }
    predictor = judge.run.predictor()
    if predictor is not None:
        from physgan.design.evolution import GeneticOptions, climb
        from physgan.design.space import TokenSpace

        def score(tokens: NDArray[np.int64]) -> NDArray[np.float64]:
            x = TensorDict({"residues": one_hot(tokens)}, [len(tokens)])
            said = predictor.predict(x).mean[:, 0].numpy()
            return -np.abs(judge.z(said) - ASKED)

        space = TokenSpace(20, 4, letters=AMINO_ACIDS)
        start = rng.integers(0, 20, (500, 4))
        met, _ = climb(score, start, space, generations=20, seed=seed,
                       options=GeneticOptions(population=500, mutate=0.25))  # fmt: skip
        found["genetic algorithm on the same predictor"] = decode(met[:DRAWN])
    return found


def coverage(folder: Path, data: Path, work: Path) -> Figures:
    """Held-out random variants inside their 90 % interval, in percent."""

    def compute() -> Figures:
        run = Run.open(folder)
        predictor = run.predictor()
        assert predictor is not None
        domain = ProteinDomain(**run.config.domain_options)
        domain.load(data / GB1.file, "train", run.config.properties)
        held = domain.load(data / GB1.file, "test", run.config.properties).batch
        (told,) = measure(predictor, held, 0.9)["properties"].values()
        return {"interval_coverage_90": 100 * told["coverage"], "interval_rows": told["rows"]}

    return kept(work / "coverage.json", compute)


def speed(work: Path, n: int = 100_000, length: int = 64) -> Figures:
    """Sequences of ``length`` residues per second, drawn by an untrained generator of the default
    size (speed does not depend on the weights) and decoded to text."""

    def compute() -> Figures:
        rng = np.random.default_rng(0)
        domain = ProteinDomain()
        domain.fit(["".join(rng.choice(list(AMINO_ACIDS), length)) for _ in range(200)])
        generator = domain.generator(2).eval()
        begun, made = time.perf_counter(), 0
        with torch.no_grad():
            while made < n:
                size = min(1024, n - made)
                z, asked = torch.randn(size, generator.latent_dim), torch.zeros(size, 2)
                x = generator(z, asked, TensorDict({}, [size]))
                made += len(domain.decode(x))
        seconds = time.perf_counter() - begun
        return {"sequences_per_second": n / seconds, "torch_threads": torch.get_num_threads()}

    return kept(work / "speed.json", compute)


def middle(rows: Sequence[Figures]) -> Figures:
    """The median of each number over the seeds."""
    return {
        key: median(float(row[key]) for row in rows)
        for key in rows[0]
        if isinstance(rows[0][key], int | float) and all(key in row for row in rows)
    }
