"""Train, calibrate and measure a property predictor."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import torch
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from tensordict import TensorDict
from torch import Tensor

from physgan.conditions import ConditionSchema
from physgan.domain import Domain, Property
from physgan.errors import InputError
from physgan.predictors.ensemble import Predictor
from physgan.predictors.fitting import fit_member
from physgan.predictors.member import Member
from physgan.predictors.options import PredictorOptions
from physgan.scales import scaled

LEAST_TRAINED, LEAST_CALIBRATED = 10, 20
"""Rows that must know a number for it to be learned, and for its interval to be calibrated."""


def predicted_properties(domain: Domain, schema: ConditionSchema) -> list[Property]:
    """The schema's properties that no exact formula of the domain gives."""
    exact = {prop.name for prop in domain.properties if prop.is_exact}
    return [p for p in schema.properties if not p.is_exact and p.name not in exact]


def check_rows(
    properties: Sequence[Property], train: TensorDict, calibration: TensorDict, seed: int = 0
) -> None:
    """Raise InputError where too few rows know one of ``properties`` for ``fit_predictor`` to
    learn it and to calibrate its interval: told before anything is trained."""
    half = calibration["y"][_halves(len(calibration), seed)[0]]
    for y, least, part in (
        (train["y"], LEAST_TRAINED, "training"), (half, LEAST_CALIBRATED, "calibration"),
    ):  # fmt: skip
        known = torch.isfinite(_targets(y, properties)[0]).sum(dim=0).tolist()
        names = [prop.name for prop in properties if prop.classes is None]
        for name, count in zip(names, known, strict=True):
            if count < least:
                raise InputError(
                    f"{count} {part} rows know the property {name!r}, a predictor needs {least}"
                    + (" (half of the validation rows calibrate)" if part != "training" else ""),
                    fix="give more rows, a larger share for validation, or train no predictor "
                    "(--predictor-minutes 0)",
                )


def fit_predictor(
    domain: Domain,
    schema: ConditionSchema,
    train: TensorDict,
    calibration: TensorDict,
    options: PredictorOptions | None = None,
) -> Predictor:
    """An ensemble for the schema's properties that are not exact.

    Members see ``train`` alone (part of it stops them early). A random half of ``calibration``
    sets the conformal quantiles; the other half is the report's test set. Both batches hold
    ``x``, ``y`` and ``given``. Raises InputError where a property has too few known rows.
    """
    options = options or PredictorOptions()
    properties = predicted_properties(domain, schema)
    if not properties:
        raise InputError("every property of this model is exact: there is nothing to predict")
    check_rows(properties, train, calibration, options.seed)
    rows, center, scale = _labelled(train, properties)
    members: list[Member] = []
    begun = time.monotonic()
    with _progress(options) as progress:
        task = progress.add_task("predictor", total=options.members, loss="-")
        for index in range(options.members):
            left = None
            if options.time_limit is not None:
                spent = time.monotonic() - begun
                left = max(options.time_limit - spent, 0.0) / (options.members - index)
                left = max(left, 1e-3)

            def tick(fraction: float, loss: float, done: int = index) -> None:
                progress.update(task, completed=done + min(fraction, 1.0), loss=f"{loss:.3f}")

            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(options.seed + index)
                backbone = domain.predictor(**options.backbone_of(index))
                member = Member(backbone, properties, options.hidden)
                members.append(
                    fit_member(
                        member, rows, options,
                        seed=options.seed + index, seconds=left, after_epoch=tick,
                    )
                )  # fmt: skip
            progress.update(task, completed=index + 1)
    predictor = Predictor(members, properties, center, scale, options.bins).to(options.device)
    predictor.settings = asdict(options) | {"backbone": dict(options.backbone)}
    first, second = _halves(len(calibration), options.seed)
    calibrate(predictor, calibration[first])
    predictor.report = measure(predictor, calibration[second], options.level)
    for name, figures in ranking(predictor, calibration).items():
        predictor.report["properties"][name] |= figures
    predictor.report["seconds"] = round(time.monotonic() - begun, 1)
    return predictor.eval()


def calibrate(predictor: Predictor, batch: TensorDict) -> None:
    """Set the conformal quantiles from ``batch``, which training must not have seen; where all
    properties are classes there are none to set."""
    columns = predictor.continuous
    if not columns:
        return
    prediction = predictor.predict(batch["x"], batch.get("given", None))
    truth, _ = _targets(batch["y"], predictor.properties)
    for position, column in enumerate(columns):
        if torch.isfinite(truth[:, position]).sum() < LEAST_CALIBRATED:
            name = predictor.names[column]
            raise InputError(
                f"fewer than {LEAST_CALIBRATED} calibration rows know the property {name!r}"
            )
    predictor.conformal.calibrate(
        *predictor.on_scale(prediction.mean[:, columns], prediction.spread[:, columns]),
        truth.to(prediction.mean.device),
    )


@torch.no_grad()
def measure(predictor: Predictor, batch: TensorDict, level: float = 0.9) -> dict[str, Any]:
    """Errors and coverage on ``batch``, by property.

    Continuous: ``mae``, ``rmse``, ``r2``, ``coverage`` and mean ``width`` of the interval at
    ``level``, and ``spread_99`` that 99 % of the rows' spreads stay below; classes:
    ``accuracy``. Only rows with a known label count (``rows``).
    """
    prediction = predictor.predict(batch["x"], batch.get("given", None))
    low, high = predictor.interval(prediction, level)
    report: dict[str, Any] = {"level": level, "properties": {}}
    for column, prop in enumerate(predictor.properties):
        truth = batch["y"][prop.name].to(low.device)
        mean = prediction.mean[:, column]
        if prop.classes is not None:
            known = truth >= 0
            right = (mean[known] == truth[known]).double().mean()
            figures = {"rows": int(known.sum()), "accuracy": float(right)}
        else:
            known = torch.isfinite(truth)
            error = (mean - truth)[known].double()
            spread = prediction.spread[known, column].double()
            inside = (truth >= low[:, column]) & (truth <= high[:, column])
            figures = {
                "rows": int(known.sum()),
                "mae": float(error.abs().mean()),
                "rmse": float(error.square().mean().sqrt()),
                "r2": _r2(error, truth[known].double()),
                "coverage": float(inside[known].double().mean()),
                "width": float((high - low)[known, column].mean()),
                "spread_99": float(spread.quantile(0.99)) if len(spread) else float("nan"),
            }
        report["properties"][prop.name] = figures
    return report


@torch.no_grad()
def ranking(predictor: Predictor, batch: TensorDict) -> dict[str, dict[str, float]]:
    """By continuous property ``rank_correlation``, Spearman's between predictions and labels of
    ``batch``, and ``rank_chance``, how often predictions that know nothing would reach it. All rows
    that training has not seen serve, since intervals do not change an order."""
    from scipy.stats import spearmanr

    mean, found = predictor.predict(batch["x"], batch.get("given", None)).mean.cpu(), {}
    for column in predictor.continuous:
        name = predictor.names[column]
        truth = batch["y"][name].cpu()
        known = torch.isfinite(truth)
        said, true = mean[known, column].numpy(), truth[known].numpy()
        if len(true) < 3 or said.std() == 0 or true.std() == 0:
            found[name] = {"rank_correlation": 0.0, "rank_chance": 1.0}
            continue
        told: Any = spearmanr(said, true, alternative="greater")
        found[name] = {
            "rank_correlation": float(told.statistic), "rank_chance": float(told.pvalue)
        }  # fmt: skip
    return found


def _halves(size: int, seed: int) -> tuple[Tensor, Tensor]:
    """The calibration rows that set the quantiles, and those of the report."""
    order = torch.randperm(size, generator=torch.Generator().manual_seed(seed))
    return order[: size // 2], order[size // 2 :]


def _r2(error: Tensor, truth: Tensor) -> float:
    """NaN where fewer than two rows, or rows of one value, leave no variance to explain."""
    if len(truth) < 2 or bool((truth == truth[0]).all()):
        return float("nan")
    return float(1 - error.square().mean() / truth.var())


def _targets(y: TensorDict, properties: Sequence[Property]):
    """Continuous values ``(N, P)`` on their scales with NaN, and classes ``(N, K)`` with -1, where
    unknown."""
    missing = [prop.name for prop in properties if prop.name not in y.keys()]  # noqa: SIM118
    if missing:
        raise InputError(f"the data have no property {missing[0]!r}")
    size = len(y)
    values = [scaled(p, y[p.name].float()) for p in properties if p.classes is None]
    labels = [y[p.name].long() for p in properties if p.classes is not None]
    return (
        torch.stack(values, dim=1) if values else torch.zeros(size, 0),
        torch.stack(labels, dim=1) if labels else torch.zeros(size, 0, dtype=torch.long),
    )


def _labelled(batch: TensorDict, properties: list[Property]) -> tuple[TensorDict, Tensor, Tensor]:
    """Rows with at least one known label, standardised, and the centre and scale ``(P,)``."""
    values, labels = _targets(batch["y"], properties)
    known = torch.isfinite(values)
    center = values.nanmean(dim=0)
    scale = (values - center).square().nanmean(dim=0).sqrt().clamp(min=1e-8)
    keep = known.any(dim=1) | (labels >= 0).any(dim=1)
    given = batch.get("given", None)
    rows = TensorDict(
        {
            "x": batch["x"],
            "given": TensorDict({}, batch_size=batch.batch_size) if given is None else given,
            "target": (values - center) / scale,
            "classes": labels,
        },
        batch_size=batch.batch_size,
    )
    return rows[keep], center, scale


def _progress(options: PredictorOptions) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("held-out loss {task.fields[loss]}"),
        TimeRemainingColumn(),
        disable=not options.show_progress,
        transient=True,
    )
