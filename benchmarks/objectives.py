"""Objectives: every registered one on the ring of 8, the grid of 25 and terrain tiles.

    python benchmarks/objectives.py

All play with the same networks, optimisers and budget; each has the regulariser that its paper
asks for. The budget is counted in moves: a critic that moves more often gets fewer steps. Each
training is kept in --work, so an interrupted benchmark goes on where it was. The trainings need
three to four hours of one core and are shared by --processes; steps are timed afterwards, one at a
time.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

import torch
from lightning_fabric import Fabric
from tensordict import TensorDict

from common import write_results
from objectives_page import picture
from objectives_settings import SETTINGS, VARIANTS, Setting
from objectives_tasks import FreeRing, GaussianGrid, PlaneTask, Task, TerrainTask
from physgan.cores.physics_gan import PhysicsGAN
from physgan.training import rng
from physgan.training.batches import Batches
from physgan.training.distributed import World
from physgan.training.ema import Average
from physgan.training.metrics import Meter
from physgan.training.optimisers import make_optimisers, rate_factor
from physgan.training.options import TrainerOptions
from physgan.training.step import Game
from runs import kept

SEEDS = (0, 1, 2)
TIMED = 25
"""Steps that are timed of each."""
STEPS = {"ring8": 2000, "grid25": 2000, "terrain": 150}
OPTIMISERS = {"betas": (0.5, 0.99), "warmup_steps": 0}
RESAMPLED, UNTRAINED = "training data, resampled", "generator, untrained"
UNITS = {"modes": "modes", "good": "%", "mmd": "1", "step_ms": "ms"}
Figures = dict[str, Any]


def main() -> None:
    options = arguments()
    work = options.work
    steps = {name: max(1, round(options.share * count)) for name, count in STEPS.items()}
    everything = SETTINGS | VARIANTS
    jobs = [(t, n, k) for k in SEEDS for n in everything for t in steps]
    parts = [(work, steps, jobs[i :: options.processes]) for i in range(options.processes)]
    if len(parts) == 1:
        train_all(*parts[0])
    else:
        with ProcessPoolExecutor(len(parts), mp_context=get_context("spawn")) as pool:
            list(pool.map(train_all, *zip(*parts, strict=True)))
    torch.set_num_threads(1)
    tasks = tasks_of(work, steps)
    found: dict[str, list[Figures]] = {name: [] for name in everything}
    for seed in SEEDS:
        for name, setting in everything.items():
            row: Figures = {}
            for task in tasks:
                row |= kept(place(work, task, name, seed), dict)
            row |= kept(
                work / f"{slug(name)}-time-{seed}.json",
                lambda s=setting, k=seed: timed(tasks[-1], s, k),
            )
            found[name].append(row)
    rows = {n: summary(v) | {"regularizer": everything[n].title} for n, v in found.items()}
    references = {RESAMPLED: [real(tasks, k) for k in SEEDS],
                  UNTRAINED: [untrained(tasks, k) for k in SEEDS]}  # fmt: skip
    write_results(
        "objectives",
        {name: rows[name] for name in SETTINGS},
        {name: summary(values) for name, values in references.items()},
        units=UNITS,
        command="python benchmarks/objectives.py",
        seeds=SEEDS,
        extra={
            "variants": {name: rows[name] for name in VARIANTS},
            "settings": {name: asdict(setting) for name, setting in everything.items()},
            "budget": {
                "optimisers": OPTIMISERS,
                **{task.name: {**task.facts(), **task.core} for task in tasks},
            },
        },
    )
    picture({name: found[name][0]["points_ring8"] for name in SETTINGS}, tasks[0].domain)


def tasks_of(work: Path, steps: dict[str, int]) -> list[Task]:
    """The three tasks, the one with real data last."""
    return [
        PlaneTask("ring8", FreeRing(), steps["ring8"]),
        PlaneTask("grid25", GaussianGrid(), steps["grid25"]),
        TerrainTask("terrain", work, steps["terrain"]),
    ]


def place(work: Path, task: Task, name: str, seed: int) -> Path:
    """The file of one training's figures."""
    return work / f"{slug(name)}-{task.name}-{task.steps}-{seed}.json"


def train_all(work: Path, steps: dict[str, int], jobs: list[tuple[str, str, int]]) -> None:
    """Every training of ``jobs``, names of task and setting with a seed, on one thread."""
    torch.set_num_threads(1)
    tasks = {task.name: task for task in tasks_of(work, steps)}
    everything = SETTINGS | VARIANTS
    for name, setting, seed in jobs:
        task = tasks[name]
        kept(
            place(work, task, setting, seed),
            lambda t=task, s=everything[setting], k=seed: trained(t, s, k),
        )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path("runs") / "objectives-benchmark")
    parser.add_argument("--share", type=float, default=1.0, help="of the benchmark's steps")
    parser.add_argument("--processes", type=int, default=1, help="for the trainings")
    return parser.parse_args()


def trained(task: Task, setting: Setting, seed: int) -> Figures:
    """Figures of the averaged generator after one training of ``setting`` on ``task``."""
    core = build(task, setting, seed)
    average = Average(core, task.ema_decay)
    count = max(1, round(2 * task.steps / (1 + setting.n_critic)))
    for step in played(task, core, seed, count):
        average.update(step)
    with average.applied():
        made = drawn(task, core, seed)
    return task.measure(made)


def timed(task: Task, setting: Setting, seed: int) -> Figures:
    """The median time of a step in ms."""
    core, spent = build(task, setting, seed), []
    began = time.perf_counter()
    for _ in played(task, core, seed, TIMED):
        spent.append(time.perf_counter() - began)
        began = time.perf_counter()
    return {f"step_ms_{task.name}": 1000 * median(spent)}


def played(task: Task, core: PhysicsGAN, seed: int, steps: int) -> Iterator[int]:
    """Train ``core`` and give the number of each step once it has been made."""
    options = TrainerOptions(
        steps=steps,
        batch_size=task.batch_size,
        lr=task.lr,
        seed=seed,
        accelerator="cpu",
        **OPTIMISERS,
    )
    optimisers = make_optimisers(core.players, options, torch.device("cpu"))
    fabric = Fabric(accelerator="cpu", devices=1)
    game = Game(fabric, core, optimisers, World(0, 1), options.gradient_clip)
    batches = Batches(task.train.batch, task.batch_size, seed, weights=task.train.weights)
    meter = Meter()
    for step in range(steps):
        factor = rate_factor(options, step, 0.0)
        for optimiser in optimisers.values():
            for group in optimiser.param_groups:
                group["lr"] = options.lr * factor
        game.play(batches.draw, step, meter)
        yield step


def build(task: Task, setting: Setting, seed: int) -> PhysicsGAN:
    """A fresh core, whose generator is the same for every objective with the same ``seed``."""
    rng.seed_all(seed)
    fixed = {"condition_drop": 0.0, "laws": False, **task.core}
    if setting.regularizer in ("r1", "r1r2"):
        fixed["regularizer_constants"] = {"gamma": task.gamma}
    return PhysicsGAN(task.domain, task.schema, **fixed, **setting.core())


def drawn(task: Task, core: PhysicsGAN, seed: int) -> TensorDict:
    """Samples of ``core`` under the conditions of the task's held-out rows."""
    core.eval()
    with rng.isolated(seed):
        held = task.held.batch
        return core.sample(task.schema(held["y"]), held["given"])


def real(tasks: list[Task], seed: int) -> Figures:
    """What training rows score, as many as are held out, drawn with replacement."""
    row: Figures = {}
    for task in tasks:
        chance = torch.Generator().manual_seed(seed)
        rows = torch.randint(len(task.train), (len(task.held),), generator=chance)
        row |= task.measure(task.train.batch["x"][rows])
    return row


def untrained(tasks: list[Task], seed: int) -> Figures:
    """What generators score before the first step."""
    row: Figures = {}
    for task in tasks:
        core = build(task, Setting("non-saturating"), seed)
        row |= task.measure(drawn(task, core, seed))
    return row


def summary(rows: list[Figures]) -> Figures:
    """The median of every figure over the seeds and, as ``_spread``, largest minus smallest;
    ``step_ms`` is that of the real data."""
    found: Figures = {}
    for key in sorted(k for k in rows[0] if not k.startswith("points")):
        values = [row[key] for row in rows]
        found |= {key: median(values), f"{key}_spread": max(values) - min(values)}
    names = {"step_ms_terrain": "step_ms", "step_ms_terrain_spread": "step_ms_spread"}
    return {names.get(key, key): value for key, value in found.items()}


def slug(name: str) -> str:
    """``name`` as part of a file's name."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower())


if __name__ == "__main__":
    main()
