"""Trainings and parts of benchmarks that are kept, so that an interrupted one goes on."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from physgan.cores import fitting
from physgan.equip import SETTLED, settle
from physgan.run import Run
from physgan.training.config import RunConfig, merged, read_config


def kept(file: Path, compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The JSON record in ``file``, computed and written if it is not there."""
    if not file.exists():
        record = compute()
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(".tmp")
        partial.write_text(json.dumps(record, indent=2))
        partial.replace(file)
    return json.loads(file.read_text())


def trained(
    folder: Path,
    config: Path,
    data: Path,
    *,
    core: dict[str, Any] | None = None,
    steps: int | None = None,
    settling: float = 0.0,
) -> Run:
    """The run in ``folder``, trained by ``config`` on ``data`` if it is not there.

    ``core`` overrides core options; ``steps`` replaces the limit by time; ``settling`` is the time
    for prior and resampler after training, as a share of the training time.
    """
    if not (folder / "card.md").exists():
        values = merged(read_config(config), {"data": str(data)})
        over = core or {}
        below = fitting(values["core"], values.get("core_options", {}), over)
        values["core_options"] = {**below, **over}
        if steps is not None:
            values["trainer"] = {**values["trainer"], "steps": steps}
            values["trainer"].pop("max_minutes", None)
        resuming = (folder / "config.toml").exists()
        run = Run.resume(folder) if resuming else Run.start(folder, RunConfig.from_dict(values))
        outcome = run.train()
        if outcome.reason == "interrupted":
            raise SystemExit("stopped and saved; the same command goes on")
        if settling:
            settle(run, settling * outcome.minutes)
    return Run.open(folder)


def train_steps(folder: Path) -> int:
    """The last logged step of the training in ``folder``."""
    return int(float(_last(folder)["step"]))


def train_minutes(folder: Path) -> float:
    """Wall time of the training in ``folder``, from its metrics, and of settling where it was."""
    settled = folder / SETTLED
    more = json.loads(settled.read_text())["minutes"] if settled.exists() else 0.0
    return float(_last(folder)["minutes"]) + float(more)


def _last(folder: Path) -> dict[str, str]:
    with (folder / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))[-1]
