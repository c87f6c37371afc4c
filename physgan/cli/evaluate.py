"""physgan evaluate: the field's standard benchmark, of a run or of another model's files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from physgan.cli.options import OWN, fitting, parse_options
from physgan.errors import InputError

if TYPE_CHECKING:
    from physgan.domain import Domain
    from physgan.run import Run


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("evaluate")(evaluate_command)


def evaluate_command(
    domain: Annotated[str, typer.Argument(help="The domain, see `physgan domains`.")],
    source: Annotated[
        str | None,
        typer.Argument(
            help="A run's folder or name, or a folder of files of any model. Default: the "
            "shipped run."
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Data with a test split, the reference. Default: the embedded data."),
    ] = None,
    n: Annotated[int, typer.Option("--n", "-n", min=1, help="Samples drawn per tier.")] = 10_000,
    tier: Annotated[
        list[str] | None,
        typer.Option(help="raw, constrained or filtered; may be given several times."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the samples and of the draws.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Folder for summary.json and one table per tier.")
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option",
            help="KEY=VALUE for the domain's evaluation, in JSON; a.KEY or b.KEY for one side's.",
        ),
    ] = None,
    side: Annotated[
        str | None,
        typer.Option(help="Of a run that translates: what is made for a or for b. Default: both."),
    ] = None,
) -> None:
    """Compute the domain's standard benchmark, for a run or for the files of another model.

    Samples are judged raw, constrained and filtered; surrogates by rollouts on unseen starts; runs
    that translate by what they make of test rows, side by side, each by its own domain.
    """
    from physgan.cores.cycle_gan import CycleGAN
    from physgan.design.tiers import TIERS, draw_tier
    from physgan.domain import load
    from physgan.sequences import SequenceDomain

    console = Console()
    run, samples = _source(domain, source, load(domain))
    if run is not None and isinstance(run.core, CycleGAN):
        from physgan.cli.sides import evaluate_sides

        if tier:
            raise InputError("translations are judged after every projection", fix="without --tier")
        place, told = _place(domain, source, out), parse_options(option or [])
        found = evaluate_sides(run, data, side, n=n, seed=seed, out=place, options=told)
        _write(console, found, place)
        return
    if side is not None:
        raise InputError("only a run that translates has sides", fix="leave --side out")
    judge: Domain = load(domain)
    if run is not None and isinstance(judge, SequenceDomain):
        judge = load(domain, **run.config.domain_options)
        told = {"run": run, "data": data, "seed": seed}
        told |= fitting(parse_options(option or []), judge.evaluator(), told)
        _write(console, {"rollouts": judge.evaluate([], [], **told)}, _place(domain, source, out))
        return
    wanted = fitting(parse_options(option or []), judge.evaluator(), OWN)
    train = judge.load(data, "train")
    reference = judge.load(data, "test")
    tiers = tuple(tier or TIERS) if run is not None else ("given",)
    for name in tiers:
        if run is not None and name not in TIERS:
            raise InputError(f"no tier {name!r}", fix=f"one of {', '.join(TIERS)}")
    place = _place(domain, source, out)
    results: dict[str, dict[str, Any]] = {}
    for name in tiers:
        asked = None
        if run is not None:
            samples = draw_tier(run, name, n, seed=seed)
            # Filters leave samples out, so that their conditions are no longer in the same rows.
            asked = None if name == "filtered" else run.schema.values(run.ask(n, seed=seed)[0])
        results[name] = judge.evaluate(
            samples,
            reference.context["samples"],
            train=train.context["samples"],
            run=run,
            asked=asked,
            seed=seed,
            rows=place / f"{name}.csv",
            **wanted,
        )
    _write(console, results, place)


def _place(domain: str, source: str | None, out: Path | None) -> Path:
    place = out or Path("evaluations") / f"{domain}-{Path(source).name if source else 'shipped'}"
    place.mkdir(parents=True, exist_ok=True)
    return place


def _write(console: Console, results: dict[str, dict[str, Any]], place: Path) -> None:
    (place / "summary.json").write_text(json.dumps(results, indent=2) + "\n")
    console.print(_table(results))
    console.print(f"Summary and a row per sample: {place}", highlight=False, soft_wrap=True)


def _source(name: str, source: str | None, domain: Domain) -> tuple[Run | None, list[Any]]:
    from physgan.cli.propose import open_run

    folder = Path(source) if source else None
    if folder is None or not folder.exists() or (folder / "config.toml").exists():
        return open_run(name, source), []
    reader = getattr(domain, "read_samples", None)
    if reader is None:
        raise InputError(f"the domain {name!r} cannot read files of samples", where=str(folder))
    return None, reader(folder)


def _table(results: dict[str, dict[str, Any]]) -> Table:
    table = Table(title="Evaluation", title_justify="left")
    table.add_column("figure")
    for name in results:
        table.add_column(name, justify="right")
    for key in dict.fromkeys(key for row in results.values() for key in row):
        values = [row.get(key) for row in results.values()]
        cells = [
            f"{v:.4g}" if isinstance(v, float) else str(v if v is not None else "") for v in values
        ]
        table.add_row(key, *cells)
    return table
