"""A small trained run of the ring, with a predictor."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from physgan import domain as domains
from physgan.equip import fit_run_predictor
from physgan.predictors import PredictorOptions
from physgan.run import Run
from physgan.testing import GaussianRing
from physgan.training.config import RunConfig
from physgan.training.progress import Reporter

TRAINER = {
    "steps": 12, "batch_size": 64, "lr": 2e-3, "checkpoint_every": 6, "validate_every": 6,
    "log_every": 6, "accelerator": "cpu", "critic_lr": 1e-3,
}  # fmt: skip


def make_run(folder: Path, trainer: Any = None, **core: Any) -> Path:
    """A run of the ring's VAE-GAN after a few steps."""
    options = {"latent_dim": 2, "start": 2, "regularizer_interval": 2, **core}
    values = {
        "domain": "ring",
        "domain_options": {"rows": 256},
        "core_options": options,
        "trainer": TRAINER | (trainer or {}),
    }
    run = Run.start(folder, RunConfig.from_dict(values))
    run.train(reporter=Reporter(Console(file=io.StringIO(), force_terminal=False)))
    return folder


@pytest.fixture(autouse=True)
def ring(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every name of a domain means the ring."""
    monkeypatch.setattr(domains, "load", lambda name, **options: GaussianRing(**options))


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run with critic and predictor."""
    patch = pytest.MonkeyPatch()
    patch.setattr(domains, "load", lambda name, **options: GaussianRing(**options))
    folder = make_run(tmp_path_factory.mktemp("audit") / "ring")
    options = PredictorOptions(members=1, epochs=3, hidden=16, robust=0.05)
    fit_run_predictor(Run.resume(folder), options)
    patch.undo()
    return folder
