"""``physgan train``: start or resume a run."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("train")(train)


def train(
    domain: Annotated[
        str | None, typer.Argument(help="The domain, see `physgan domains`.", show_default=False)
    ] = None,
    data: Annotated[
        Path | None,
        typer.Argument(help="File or folder of the data; the domain's own without it."),
    ] = None,
    property: Annotated[
        list[str] | None, typer.Option("--property", "-p", help="A property to learn; repeatable.")
    ] = None,
    core: Annotated[
        str | None,
        typer.Option(
            help="vae-gan, physics-gan, stepper-gan, cycle-gan, augmented-cycle-gan or bigan; by "
            "default what the domain recommends."
        ),
    ] = None,
    objective: Annotated[
        str | None,
        typer.Option(
            help="What critic and generator play for (rpgan, wgan, f-kl, ...); its constants by "
            "--set core.objective_constants.NAME=VALUE."
        ),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="The run's folder.")] = Path("runs/run"),
    minutes: Annotated[float | None, typer.Option(help="Stop after so many minutes.")] = None,
    steps: Annotated[int | None, typer.Option(help="Stop at this step.")] = None,
    seed: Annotated[int | None, typer.Option(help="Random seed.")] = None,
    threads: Annotated[int | None, typer.Option(help="CPU threads.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    config: Annotated[Path | None, typer.Option(help="A config.toml to start from.")] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            help="Begin with the weights of this run (its folder or model file), as far as they "
            "fit; 'ready' are those that the domain ships."
        ),
    ] = None,
    predictor_minutes: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Time for the property predictor, 0 for none; default 75 % of --minutes where "
            "the domain has use for one.",
        ),
    ] = None,
    feedback: Annotated[
        str | None,
        typer.Option(
            help="NAME=max, NAME=min or NAME=CLASS: samples that the predictor (or --judge) "
            "praises for it join the training rows, a fifth of them at most; --resume goes on."
        ),
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option(help="With --feedback: an oracle praises in place of the predictor."),
    ] = None,
    every: Annotated[
        int | None,
        typer.Option(min=1, help="With --feedback: steps between two rounds of it, 500 if unset."),
    ] = None,
    draws: Annotated[
        int | None,
        typer.Option(
            min=1, help="With --feedback: samples looked at in each, 2000, of an oracle 96."
        ),
    ] = None,
    robust: Annotated[
        float,
        typer.Option(
            min=0,
            help="Train the predictor against attacks of this size, in deviations of the data.",
        ),
    ] = 0.0,
    set: Annotated[
        list[str] | None,
        typer.Option("--set", "-s", help="KEY=VALUE, such as lr=1e-3, core.latent_dim=64."),
    ] = None,
) -> None:
    """Train a generator or a surrogate on your data; Ctrl-C saves and stops, --resume goes on.

    For example: physgan train DOMAIN my_data.csv -p NAME --minutes 5 --out runs/first
    """
    from physgan import domain as domains
    from physgan.cli.feedback import settle_feedback
    from physgan.errors import InputError
    from physgan.run import Run
    from physgan.training.config import RunConfig, merged, override, read_config, with_advice

    told = {"steps": steps, "max_minutes": minutes, "seed": seed, "threads": threads}
    trainer = {name: value for name, value in told.items() if value is not None}
    if resume:
        if objective is not None:
            raise InputError("a run keeps its objective", fix="resume without --objective")
        if weights is not None:
            raise InputError("a run goes on with its own weights", fix="resume without --weights")
        run = Run.resume(out, [*(f"{k}={v}" for k, v in trainer.items()), *(set or [])])
        _check(run, predictor_minutes, robust)
        told = settle_feedback(run, feedback, judge, every, draws)
    else:
        asked = {
            "domain": domain,
            "data": None if data is None else str(data),
            "weights": weights,
            "properties": property or None,
            "core": core,
        }
        over: dict[str, Any] = {k: v for k, v in asked.items() if v is not None}
        if objective is not None:
            over["core_options"] = {"objective": objective}
        values = merged(read_config(config) if config else {}, {**over, "trainer": trainer})
        values = with_advice(override(values, set or []))

        def check(begun: Run) -> None:
            _check(begun, predictor_minutes, robust)
            wanted = settle_feedback(begun, feedback, judge, every, draws)
            lasting = _minutes(begun.domain, begun.config, predictor_minutes)
            if wanted and judge is None and not lasting:
                raise InputError(
                    "feedback needs a predictor or an oracle",
                    fix="leave out --predictor-minutes 0, or name an oracle with --judge",
                )

        started = RunConfig.from_dict(values, str(config) if config else "")
        known = domains.load(started.domain, **started.domain_options)
        _check_robust(robust, _minutes(known, started, predictor_minutes) > 0)
        run = Run.start(out, started, check)
        told = settle_feedback(run, feedback, judge, every, draws)
    _train(run, out, predictor_minutes, robust, told)


def _minutes(domain: Any, config: Any, told: float | None) -> float:
    """Time for the property predictor."""
    share = domain.recommended().get("predictor_share", 0.75)
    return share * (config.trainer.max_minutes or 20) if told is None else told


def _check_robust(robust: float, fitted: bool) -> None:
    """Refuse ``robust`` where no predictor is ``fitted``."""
    from physgan.errors import InputError

    if robust and not fitted:
        raise InputError(
            "no predictor is trained, so --robust has nothing to act on",
            fix="give --predictor-minutes above 0 and a property to predict, or leave --robust out",
        )


def _check(run: Any, told: float | None, robust: float) -> None:
    """Before any training: whether there are rows enough for the predictor that comes after."""
    from physgan.equip import check_predictable, options_for
    from physgan.predictors.fit import predicted_properties

    minutes = _minutes(run.domain, run.config, told)
    kept = run.core.guided and run.predictor() is not None
    predicted = bool(predicted_properties(run.domain, run.schema))
    _check_robust(robust, minutes > 0 and predicted and not kept)
    if minutes > 0:
        check_predictable(run, options_for(run.domain, minutes, robust=robust))


def _train(
    run: Any, out: Path, predictor_minutes: float | None, robust: float, told: dict[str, Any] | None
) -> None:
    from physgan.cli.feedback import train_with_feedback
    from physgan.training.progress import Reporter

    reporter = Reporter()
    rows = {split: len(part) for split, part in run.data.items()}
    refused = sum(len(part.refused) for part in run.data.values())
    reporter.say(f"{rows['train']} training and {rows['val']} validation rows, {refused} refused")
    if run.begun is not None:
        reporter.say(f"beginning with {run.config.weights}: {run.begun}")
    minutes = _minutes(run.domain, run.config, predictor_minutes)
    first = run.core.guided or (told is not None and told["judge"] is None)
    if first and run.predictor() is None and minutes > 0:
        _equip(run, reporter, minutes, robust)
    for note in run.core.notes(run.predictor()):
        reporter.say(note)
    if told is None:
        outcome = run.train(reporter=reporter)
    else:
        outcome = train_with_feedback(run, told, reporter)
    if outcome.reason == "interrupted":
        reporter.say(f"stopped and saved at step {outcome.step}. Go on with:")
        reporter.say(f"  physgan train --resume --out {shlex.quote(str(out))}")
        raise typer.Exit(130)
    reporter.say(f"done at step {outcome.step} after {outcome.minutes:.1f} minutes: {out}")
    if minutes > 0 and not first:
        _equip(run, reporter, minutes, robust)


def _settle(run: Any, reporter: Any, minutes: float) -> None:
    """A tenth of the training time for what the core learns once the game is over."""
    from physgan.equip import settle

    figures = settle(run, minutes)
    if figures:
        told = ", ".join(f"{k} {v:.4g}" for k, v in figures.items())
        reporter.say(f"settled the prior: held-out log-likelihood {told}")


def _equip(run: Any, reporter: Any, minutes: float, robust: float) -> None:
    """Fit what proposals need: the predictor with its intervals, and the oracle's references."""
    from physgan.equip import (
        calibrate_oracle,
        fit_run_predictor,
        keep_fingerprints,
        options_for,
    )

    reporter.say(f"fitting the property predictor, at most {minutes:.1f} minutes")
    predictor = fit_run_predictor(run, options_for(run.domain, minutes, robust=robust))
    properties: dict[str, Any] = predictor.report["properties"] if predictor else {}
    for name, figures in properties.items():
        told = ", ".join(f"{k} {v:.3g}" for k, v in figures.items())
        reporter.say(f"  {name}: {told}")
    for name, figures in calibrate_oracle(run).items():
        told = ", ".join(f"{k} {v:.3g}" for k, v in figures.items() if isinstance(v, float))
        reporter.say(f"  oracle for {name}: {told}")
    kept = keep_fingerprints(run)
    if kept:
        reporter.say(f"kept {kept} fingerprints of training samples")
