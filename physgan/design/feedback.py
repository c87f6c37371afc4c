"""Feedback training with a brake: what a guide praises joins the data that the critic sees.

FBGAN (Gupta & Zou, Nature Machine Intelligence 1, 105 (2019)) lets an analyser's best samples
replace training rows until all score well, by the analyser's own word. Here a sample joins only
if a lower bound of the guide is high, the guide is as sure of it as of its own training rows, and
the sample is as usual as they are; at most a fifth of the rows are such, the oldest go first,
each is recorded, and no predictor is ever fitted to them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from tensordict import TensorDict
from torch import Tensor

from physgan.audit.tokens import token_leaves
from physgan.conditions import Target
from physgan.design.density import ChainDensity
from physgan.design.pool import FeedbackPool
from physgan.domain import Domain
from physgan.errors import InputError
from physgan.training.checkpoint import Checkpoints
from physgan.training.files import write_atomic
from physgan.training.folder import write_keys

if TYPE_CHECKING:
    from physgan.predictors import Predictor
    from physgan.run import Run
    from physgan.training import Outcome
    from physgan.training.progress import Reporter

Guide = Callable[[TensorDict, TensorDict], tuple[Tensor, Tensor]]
"""``(x, given) -> mean (B,), spread (B,)`` of what should be high."""
Density = Callable[[TensorDict], Tensor]
RECORD, ROWS = "pseudo.csv", "pseudo.safetensors"


@dataclass(frozen=True)
class Brake:
    """Who may join: the ``best`` share by mean - spread, among those whose spread is below the
    ``spread`` quantile and whose density above the ``density`` quantile of the real rows. Never a
    copy of a real row. ``share`` is the most of all rows that may be pseudo."""

    best: float = 0.1
    spread: float = 0.9
    density: float = 0.05
    share: float = 0.2

    def __post_init__(self) -> None:
        for name in ("best", "spread", "density", "share"):
            if not 0.0 < getattr(self, name) < 1.0:
                raise InputError(f"{name}={getattr(self, name)} of the brake is not in (0, 1)")


def guide_of(predictor: Predictor, name: str) -> Guide:
    """Mean and spread of the property ``name``, as an ensemble says them."""
    if name not in predictor.names:
        raise InputError(f"nothing predicts {name!r}", fix=f"one of {', '.join(predictor.names)}")
    column = predictor.names.index(name)

    def guide(x: TensorDict, given: TensorDict) -> tuple[Tensor, Tensor]:
        said = predictor.predict(x, given)
        return said.mean[:, column].cpu(), said.spread[:, column].cpu()

    return guide


def chain_density(real: TensorDict) -> Density:
    """Log-likelihood ``(B,)`` of the tokens of a sample under the chain of the ``real`` rows, x.

    All leaves of relaxed one-hot words count. Raises InputError where there is none.
    """
    keys = token_leaves(real)
    if not keys:
        raise InputError("these samples have no tokens", fix="give a density of your own")
    chains = {k: ChainDensity(real[k].shape[-1]).fit(real[k].argmax(-1).numpy()) for k in keys}

    def density(x: TensorDict) -> Tensor:
        parts = [chain.log_prob(x[key].argmax(-1).numpy()) for key, chain in chains.items()]
        return torch.from_numpy(sum(parts[1:], parts[0]))

    return density


def admitted(
    mean: Tensor, spread: Tensor, density: Tensor, new: Tensor, limits: tuple[float, float],
    best: float,
) -> Tensor:  # fmt: skip
    """Rows that the brake lets in, best first: all arguments ``(B,)``; ``limits`` are the highest
    spread and the lowest density. What has no finite bound is not known, and stays out."""
    bound = (mean - spread).double()
    told = bound.isfinite()
    if not told.any():
        return torch.zeros(0, dtype=torch.long)
    top = told & (bound >= torch.quantile(bound[told], 1.0 - best))
    good = top & new & (spread <= limits[0]) & (density >= limits[1])
    rows = good.nonzero()[:, 0]
    return rows[bound[rows].argsort(descending=True, stable=True)]


def feedback_train(
    run: Run,
    target: Target,
    guide: Guide,
    density: Density,
    *,
    every: int = 500,
    draws: int = 2000,
    brake: Brake | None = None,
    label: Callable[[TensorDict, Tensor], TensorDict] | None = None,
    say: Callable[[str], None] = lambda text: None,
    sure: bool = False,
    reporter: Reporter | None = None,
) -> tuple[FeedbackPool, Outcome]:
    """Train ``run`` to its end; every ``every`` steps some of ``draws`` samples join its rows.

    A run that was stopped goes on with the rows that had joined. A guide that is ``sure`` (an
    oracle) is not asked about real rows, as its spread is nowhere a doubt.

    Samples are asked for by ``target`` and carry as its value the bound that the guide gives
    them (of a minimum the upper one), or the class that was asked for; other labels are what
    formulas say, else unknown, or what ``label(x, bound)`` says. Novelty is kept against real
    rows alone. Raises InputError for a run without its data.
    """
    brake = brake or Brake()
    if run.data is None:
        raise InputError("this run was opened without its data", fix="use Run.start or Run.resume")
    real, pool = run.data["train"], FeedbackPool(run.data["train"], brake.share)
    doubts = torch.zeros(1) if sure else guide(real.batch["x"], real.batch["given"])[1]
    limits = (
        float(torch.quantile(doubts.double(), brake.spread)),
        float(torch.quantile(density(real.batch["x"]).double(), brake.density)),
    )
    known = {run.domain.key(sample) for sample in run.domain.decode(real.batch["x"])}
    record = _read(run)
    done = max(Checkpoints(run.folder, run.config.identity).steps(), default=0)
    if (run.folder / ROWS).exists():
        pool.restore(run.folder / ROWS)
    run.data = {**run.data, "train": pool.data}
    try:
        until = (done // every + 1) * every
        while True:
            outcome = run.train(reporter=reporter, until=until)
            if outcome.reason != "interrupted":
                # Training has kept the keys of the pool; novelty is kept against real rows.
                write_keys(run.folder, run.domain, real)
                return pool, outcome
            if outcome.step < until:
                return pool, outcome
            run.load_weights()
            x, given = _draw(run, [target], draws, seed=until)
            mean, doubt = guide(x, given)
            samples = run.domain.decode(x)
            keys = ["" if s is None else run.domain.key(s) for s in samples]
            first = {key: row for row, key in reversed(list(enumerate(keys)))}
            new = torch.tensor([
                s is not None and (key not in known or not key) and (first[key] == row or not key)
                for row, (s, key) in enumerate(zip(samples, keys, strict=True))
            ])  # fmt: skip
            rows = admitted(mean, doubt, density(x), new, limits, brake.best)
            bound = (mean - doubt)[rows]
            y = (label or labelled(run.domain, target, real.batch["y"]))(x[rows], bound)
            parts = {"x": x[rows], "y": y, "given": given[rows]}
            places = pool.place(TensorDict(parts, [len(rows)]), until)
            for place, row in zip(places.tolist(), rows.tolist(), strict=False):
                name = run.domain.label(samples[row])
                record.append((until, place, name, float(mean[row]), float(doubt[row])))
            _write(run, record)
            pool.save(run.folder / ROWS)
            say(f"step {until}: {len(places)} joined, {pool.share:.0%} of the rows are pseudo")
            until += every
    finally:
        run.data = {**run.data, "train": real}


def _draw(run: Run, targets: Sequence[Target], n: int, seed: int) -> tuple[TensorDict, TensorDict]:
    from physgan.design.tiers import constrain

    _, given = run.ask(n, targets, seed)
    x = run.sample(n, targets, seed).cpu()
    # Rows of training data have nothing that was asked.
    return constrain(run.domain, x, given), given.exclude("asked")


def labelled(
    domain: Domain, target: Target, like: TensorDict
) -> Callable[[TensorDict, Tensor], TensorDict]:
    """Labels ``(x, bound (B,)) -> y`` with the columns of ``like``: of the property of ``target``
    what the bound says, of others what formulas say, else unknown."""

    def label(x: TensorDict, bound: Tensor) -> TensorDict:
        exact = {prop.name: prop.exact for prop in domain.properties if prop.exact is not None}
        found = {}
        for name in like.keys():  # noqa: SIM118
            old = like[name]
            formula = exact.get(str(name))
            if name == target.name:
                told = {"min": -bound, "class": torch.full_like(bound, target.low)}
                found[name] = told.get(target.kind, bound).to(old.dtype)
            elif formula is not None:
                found[name] = formula(x).to(old.dtype)
            else:
                unknown = float("nan") if old.is_floating_point() else -1
                found[name] = torch.full((len(x), *old.shape[1:]), unknown, dtype=old.dtype)
        return TensorDict(found, [len(x)])

    return label


def _read(run: Run) -> list[tuple[int, int, str, float, float]]:
    path = run.folder / RECORD
    if not path.exists():
        return []
    rows = csv.DictReader(io.StringIO(path.read_text()))
    return [
        (int(r["step"]), int(r["row"]), r["sample"], float(r["mean"]), float(r["spread"]))
        for r in rows
    ]


def _write(run: Run, record: list[tuple[int, int, str, float, float]]) -> None:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("step", "row", "sample", "mean", "spread"))
    writer.writerows(record)
    write_atomic(run.folder / RECORD, text.getvalue().encode())
