"""A generator that goes on learning, between the rounds of a search, from an oracle's answers."""

from __future__ import annotations

import copy
import io
import tempfile
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from rich.console import Console
from tensordict import TensorDict

from physgan.conditions import Target
from physgan.design.feedback import labelled
from physgan.design.ledger import Ledger
from physgan.design.pool import FeedbackPool
from physgan.domain import Oracle
from physgan.errors import InputError
from physgan.training import Trainer, rng
from physgan.training.checkpoint import MODEL, read_model
from physgan.training.progress import Reporter

if TYPE_CHECKING:
    from physgan.run import Run

SHARE = 0.2
"""Most of the rows that may be measured ones: the brake of feedback training."""
REPEATS = 8
"""Most times that one measured row stands among them."""
RATE = 0.3
"""Of the learning rates that the run was trained with."""


class Retrained:
    """``run``, whose generator learns what an oracle said: ``learn`` before each round.

    Each time it starts from the run's own weights and takes ``steps`` steps on the training rows
    with the measured ones, best first, among them. So what it draws depends on the answers and
    the seed alone, and a search that was stopped goes on as if it had not been. Where nothing is
    asked, samples are asked for as high as the property of the ``oracle`` goes. The run's folder
    stays as it is. Raises InputError for a run without its data and for an oracle that measures
    none of its properties.
    """

    def __init__(self, run: Run, oracle: Oracle | None, steps: int, seed: int = 0) -> None:
        known = [p.name for p in run.schema.properties if p.classes is None and not p.is_exact]
        told = getattr(oracle, "properties", ())
        shared = [name for name in told if name in known]
        if not shared:
            raise InputError(
                f"this oracle measures {', '.join(told) or 'nothing'}, and this run knows "
                f"{', '.join(known) or 'nothing that is measured'}: there is nothing to learn",
                fix="leave out --retrain, or give a run that was trained on what is measured",
            )
        if run.data is None:
            raise InputError("this run was opened without its data", fix="use Run.resume")
        if len(run.data["train"].batch["given"].keys()):
            raise InputError("samples of this run rest on what was given, which no answer has")
        self.run, self.steps, self.seed = run, steps, seed
        self.target = Target(shared[0], "max")
        run.load_weights()
        self._weights = copy.deepcopy(run.core.state_dict())
        self._begun = int(read_model(run.folder / MODEL)[1]["step"])

    def __getattr__(self, name: str) -> Any:
        return getattr(self.run, name)

    def sample(
        self, n: int, targets: Sequence[Target] = (), seed: int = 0, **more: Any
    ) -> TensorDict:
        """Samples under ``targets``, else under what the search is for."""
        return self.run.sample(n, targets or [self.target], seed, **more)

    def learn(self, ledger: Ledger, samples: Sequence[Any]) -> int:
        """Fit to the answers of ``ledger``, whose rows are the native ``samples``; returns how
        many measured rows, repeats among them, were added."""
        run = self.run
        assert run.data is not None
        run.core.load_state_dict(self._weights)
        finite = np.flatnonzero(np.isfinite(ledger.values))
        best = finite[np.argsort(-ledger.values[finite], kind="stable")]
        x, kept = run.domain.encode([samples[row] for row in best])
        if not len(kept):
            run.core.eval()
            return 0
        real = run.data["train"]
        value = torch.from_numpy(ledger.values[best[kept]])
        y = labelled(run.domain, self.target, real.batch["y"])(x, value)
        empty = TensorDict({}, [len(x)])
        rows = TensorDict({"x": x, "y": y, "given": empty}, [len(x)])
        pool = FeedbackPool(real, SHARE)
        room = len(pool.data) - pool.real
        times = max(1, min(REPEATS, room // len(rows)))
        placed = pool.place(torch.cat([rows] * times), 0)  # type: ignore[arg-type]
        self._fit(pool, len(ledger))
        return len(placed)

    def _fit(self, pool: FeedbackPool, answers: int) -> None:
        run, before = self.run, self.run.config.trainer
        last = self._begun + self.steps
        options = before.model_copy(
            update={
                "steps": last, "max_minutes": None, "schedule": "constant", "ema_decay": 0.97,
                "lr": RATE * before.lr, "lrs": {k: RATE * v for k, v in before.lrs.items()},
                "critic_lr": before.critic_lr and RATE * before.critic_lr,
                "seed": (self.seed + answers) % 2**32, "checkpoint_every": last + 1,
                "validate_every": last + 1, "log_every": last + 1,
            }
        )  # fmt: skip
        quiet = Reporter(Console(file=io.StringIO(), force_terminal=False))
        with rng.isolated(self.seed + answers), tempfile.TemporaryDirectory() as folder:
            trainer = Trainer(
                run.core, pool.data.batch, None, options, folder,
                identity=run.config.identity, reporter=quiet, weights=pool.data.weights,
                vary=run.domain.vary,
            )  # fmt: skip
            # Warm-ups of the run are over: its losses go on as they were.
            trainer.step = self._begun
            trainer.fit()
            with trainer.average.applied():
                weights = copy.deepcopy(run.core.state_dict())
        run.core.load_state_dict(weights)
        run.core.cpu().eval()
