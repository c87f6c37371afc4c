"""The training loop: plays the game, keeps the average, logs, saves, recovers and resumes.

A resumed run is bitwise the run that was never stopped: 10 steps equal 5, a stop, and 5 more.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from lightning_fabric import Fabric
from tensordict import TensorDict
from torch import Tensor, nn

from physgan.cores.base import Core
from physgan.errors import InputError, RunError
from physgan.training import rng
from physgan.training.batches import Batches, Vary
from physgan.training.checkpoint import Checkpoints, model_bytes
from physgan.training.distributed import World
from physgan.training.ema import PREFIX, Average, split_average
from physgan.training.files import write_atomic
from physgan.training.metrics import Meter, MetricsFile
from physgan.training.optimisers import make_optimisers, rate_factor, sharpness_aware
from physgan.training.options import TrainerOptions
from physgan.training.progress import Reporter
from physgan.training.signals import StopRequest
from physgan.training.step import Game
from physgan.training.validation import validate

MAX_RECOVERIES = 3


@dataclass(frozen=True)
class Outcome:
    """Where and why training ended, and the minutes that all its parts took together."""

    step: int
    reason: Literal["steps", "minutes", "interrupted"]
    minutes: float


class Trainer:
    """Trains ``core`` on ``train`` (batch size (N,)) and writes the run into ``folder``.

    ``identity`` names what the weights belong to, so that a foreign checkpoint is refused.
    """

    def __init__(
        self,
        core: Core,
        train: TensorDict,
        validation: TensorDict | None = None,
        options: TrainerOptions | None = None,
        folder: Path | str = "run",
        *,
        identity: Mapping[str, str] | None = None,
        reporter: Reporter | None = None,
        weights: Tensor | None = None,
        vary: Vary | None = None,
    ) -> None:
        self.options = options or TrainerOptions()
        if len(train) == 0:
            raise InputError("the training data have no rows")
        if self.options.threads is not None:
            torch.set_num_threads(self.options.threads)
        self.fabric = _launch(self.options)
        self.world = World(self.fabric.global_rank, self.fabric.world_size)
        self.device = self.fabric.device
        self.core = core.to(self.device)
        self.world.share([*core.parameters(), *core.buffers()])
        self.validation = validation.to(self.device) if validation is not None else None
        self.batches = Batches(
            train.to(self.device),
            self.options.batch_size,
            self.options.seed,
            rank=self.world.rank,
            world=self.world.size,
            weights=weights,
            vary=vary,
        )
        self.optimisers = make_optimisers(core.players, self.options, self.device)
        self.average = Average(core, self.options.ema_decay)
        clip, sharp = self.options.gradient_clip, sharpness_aware(core.players, self.options)
        self.game = Game(self.fabric, core, self.optimisers, self.world, clip, sharp)
        self.folder = Path(folder)
        self.checkpoints = Checkpoints(self.folder, identity or {}, self.options.keep)
        self.reporter = reporter
        self.stop = StopRequest()
        self.step = 0
        self.best = math.inf
        self._earlier = 0.0
        self._scale = 1.0
        self._recoveries = 0
        self._saved_at = -1

    @property
    def minutes(self) -> float:
        """Minutes of training so far, those before a resumption included."""
        return self._earlier + (time.monotonic() - self._began) / 60

    def fit(self, *, resume: bool = False, until: int | None = None) -> Outcome:
        """Train to the end, or resume and do so; ``until`` stops at that step as Ctrl-C would.

        Raises InputError for a folder in use or a bad checkpoint, RunError when training diverges
        for good or the disk is full.
        """
        self._began = time.monotonic()
        self.meter = Meter()
        if resume:
            self._load()
        else:
            if self.checkpoints.steps():
                raise InputError("this folder already holds a run", where=str(self.folder))
            self.folder.mkdir(parents=True, exist_ok=True)
            rng.seed_all(self.options.seed + 10_007 * self.world.rank)
        self.metrics = MetricsFile(self.folder / "metrics.csv")
        self.world.wait()
        if self.world.rank == 0:
            self.metrics.truncate(self.step)
        self._logged_at, self._logged_time = self.step, time.monotonic()
        self._report = self.reporter or Reporter()
        self.core.train()
        try:
            with self.stop:
                if not resume:
                    self._save()
                return self._loop(until)
        finally:
            self._report.close()

    def _loop(self, until: int | None) -> Outcome:
        while (reason := self._ended(until)) is None:
            factor = self._scale * rate_factor(self.options, self.step, self.minutes)
            for name, optimiser in self.optimisers.items():
                for group in optimiser.param_groups:
                    group["lr"] = self.options.rate(name) * factor
            self.core.progress = self.world.gather(self._share())[0]
            self.game.play(self.batches.draw, self.step, self.meter)
            self.average.update(self.step)
            self.step += 1
            self._after_step()
        if self._logged_at < self.step and not self._log():
            return self._loop(until)
        if self._saved_at < self.step:
            self._save()
        return Outcome(self.step, reason, self.minutes)

    def _ended(self, until: int | None) -> Literal["steps", "minutes", "interrupted"] | None:
        steps, limit = self.options.steps, self.options.max_minutes
        if steps is not None and self.step >= steps:
            return "steps"
        if self.world.any(limit is not None and self.minutes >= limit, self.device):
            return "minutes"
        asked = self.stop.asked or (until is not None and self.step >= until)
        return "interrupted" if self.world.any(asked, self.device) else None

    def _after_step(self) -> None:
        options = self.options
        last = self.step == options.steps
        save = self.step % options.checkpoint_every == 0
        check = self.validation is not None and (self.step % options.validate_every == 0 or last)
        due = save or check or last or self.step % options.log_every == 0
        healthy = not due or self._log(check)
        if save and healthy:
            self._save()

    def _log(self, check: bool = False) -> bool:
        """Write a row, with validation if ``check``; False if training had to be set back."""
        weights = [p.detach() for player in self.game.parameters.values() for p in player]
        self.meter.add("weight_norm", nn.utils.get_total_norm(weights))
        logged = self.meter.read()
        watched = [v for k, v in logged.items() if k == "weight_norm" or k.startswith("loss/")]
        if self.world.any(not all(map(math.isfinite, watched)), self.device):
            self._recover()
            return False
        rate = (self.step - self._logged_at) / max(time.monotonic() - self._logged_time, 1e-9)
        factor = self._scale * rate_factor(self.options, self.step, self.minutes)
        row = {"step": self.step, "minutes": round(self.minutes, 4), "lr_factor": factor}
        row |= {"steps_per_second": rate, **logged, **self.core.report()}
        row |= self._validate() if check else {}
        if self.world.rank == 0:
            self.metrics.append(row)
            self._report.show(self.step, self._share(), row)
        self._logged_at, self._logged_time = self.step, time.monotonic()
        return True

    def _share(self) -> float:
        steps, limit = self.options.steps, self.options.max_minutes
        return min(
            1.0, max(self.step / steps if steps else 0, self.minutes / limit if limit else 0)
        )

    def _validate(self) -> dict[str, float]:
        assert self.validation is not None
        rows = self.validation[: self.options.validation_rows]
        with self.average.applied(), self.fabric.autocast():
            figures = validate(self.core, rows, self.options.batch_size, self.options.seed)
        first = next(iter(figures.values()), math.inf)
        if first < self.best:
            self.best = first
            if self.world.rank == 0:
                content = model_bytes(self._tensors(), self.checkpoints.identity, self.step)
                write_atomic(self.folder / "best.safetensors", content)
        return {f"val/{name}": value for name, value in figures.items()}

    def _tensors(self) -> dict[str, Tensor]:
        live = {k: v for k, v in self.core.state_dict().items() if isinstance(v, Tensor)}
        return live | {PREFIX + name: value for name, value in self.average.shadow.items()}

    def _save(self) -> None:
        state: dict[str, Any] = {
            "step": self.step,
            "minutes": self.minutes,
            "cursor": self.batches.cursor,
            "order": self.batches.order,
            "scale": self._scale,
            "recoveries": self._recoveries,
            "best": self.best,
            "optimisers": {name: opt.state_dict() for name, opt in self.optimisers.items()},
            "rng": self.world.gather(rng.state()),
            "extra": {k: v for k, v in self.core.state_dict().items() if not _is_tensor(v)},
        }
        if self.world.rank == 0:
            self.checkpoints.save(self.step, self._tensors(), state)
        self._saved_at = self.step
        self.world.wait()

    def _load(self) -> None:
        tensors, state = self.checkpoints.load()
        where = str(self.checkpoints.folder)
        live, averaged = split_average(tensors)
        try:
            self.core.load_state_dict(live | state["extra"])
            self.average.load(averaged)
            for name, optimiser in self.optimisers.items():
                optimiser.load_state_dict(state["optimisers"][name])
        except (RuntimeError, ValueError, KeyError) as error:
            first = str(error).strip().splitlines()[:2]
            raise InputError(
                f"the checkpoint does not fit this core: {' '.join(first)}", where=where
            ) from error
        if len(state["rng"]) != self.world.size:
            raise InputError(
                f"the run was saved by {len(state['rng'])} processes, not {self.world.size}",
                where=where,
            )
        rng.restore(state["rng"][self.world.rank])
        self.step, self.best = state["step"], state["best"]
        self.batches.cursor, self.batches.order = state["cursor"], state["order"]
        self._scale, self._recoveries = state["scale"], state["recoveries"]
        self._earlier, self._began = state["minutes"], time.monotonic()
        self._saved_at = self.step

    def _recover(self) -> None:
        """Go back to the last good checkpoint with other batches and half the rate."""
        failed, tried, spent = self.step, self._recoveries + 1, self.minutes
        if tried > MAX_RECOVERIES:
            raise RunError(
                f"training diverged at step {failed} and again after {MAX_RECOVERIES} fresh "
                f"starts from the last good checkpoint (step {self.checkpoints.steps()[-1]}); "
                "lower lr, raise the regulariser, or look at the last rows of metrics.csv"
            )
        self._load()
        self._recoveries = tried
        self._earlier, self._began = spent, time.monotonic()
        self.batches.order = tried
        self._scale = 0.5**tried
        self._logged_at, self._logged_time = self.step, time.monotonic()
        if self.world.rank == 0:
            self.metrics.truncate(self.step)
        self._report.say(
            f"losses or weights are no longer finite at step {failed}: back to step {self.step} "
            "with other batches and half the learning rate"
        )


def _launch(options: TrainerOptions) -> Fabric:
    try:
        fabric = Fabric(
            accelerator=options.accelerator, devices=options.devices, precision=options.precision
        )
    except (ValueError, RuntimeError) as error:
        raise InputError(
            f"cannot compute on accelerator {options.accelerator!r} x {options.devices}: {error}",
            fix="see physgan doctor",
        ) from error
    fabric.launch()
    return fabric


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Tensor)
