"""Makes the toy game importable and small runs quiet."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

sys.path.insert(0, str(Path(__file__).parent))

from physgan.training import Trainer, TrainerOptions
from physgan.training.progress import Reporter


@pytest.fixture
def trainer(tmp_path: Path) -> Any:
    """``make(folder, core, **options)``: a trainer of the toy game."""
    import toy

    def build(name: str = "run", core: Any = None, **options: Any) -> Trainer:
        small = {
            "steps": 10, "batch_size": 32, "lr": 5e-3, "log_every": 3, "checkpoint_every": 4,
            "validate_every": 5, "schedule": "constant", "accelerator": "cpu",
        }  # fmt: skip
        return Trainer(
            toy.make() if core is None else core,
            toy.gaussian(),
            toy.gaussian(50, seed=1),
            TrainerOptions(**{**small, **options}),
            tmp_path / name,
            identity={"domain": "toy", "core": "toy"},
            reporter=Reporter(Console(file=io.StringIO(), force_terminal=False)),
        )

    return build
