"""physgan propose: candidates for what was asked, judged, as a table and a folder."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from physgan.cli.jobs import ByDomain
from physgan.errors import InputError

if TYPE_CHECKING:
    from physgan.conditions import Target
    from physgan.design import Candidate, Proposals
    from physgan.domain import Domain

SHOWN = 10


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("propose", cls=ByDomain)(propose_command)


def propose_command(
    domain: Annotated[str, typer.Argument(help="The domain, see `physgan domains`.")],
    target: Annotated[
        list[str] | None,
        typer.Option(
            "--target", "-t", help="NAME=VALUE, NAME=LOW..HIGH, NAME=min, NAME=max or NAME=CLASS."
        ),
    ] = None,
    n: Annotated[int, typer.Option("--n", "-n", min=1, help="How many candidates.")] = 20,
    run: Annotated[
        str | None,
        typer.Option(
            help="A run's folder, or its name in runs/. Default: the one that is shipped."
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Training data: novelty by matching, in place of the run's hashed keys."),
    ] = None,
    oracle: Annotated[
        bool, typer.Option("--oracle/--no-oracle", help="Let an independent oracle judge.")
    ] = True,
    judge: Annotated[
        str | None,
        typer.Option(
            help="Which oracle, where a domain has several, such as table:FILE.csv or "
            "python:MODULE:FUNCTION. A wrong name is answered with all there are."
        ),
    ] = None,
    filter: Annotated[
        bool, typer.Option("--filter", help="Also drop what fails one of the domain's filters.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse targets outside the training data.")
    ] = False,
    keep_known: Annotated[
        bool, typer.Option("--keep-known", help="Keep candidates that are in the training data.")
    ] = False,
    oversample: Annotated[int, typer.Option(min=1, help="Samples drawn per candidate.")] = 32,
    plausible: Annotated[
        bool,
        typer.Option(
            "--plausible",
            help="Rank also by what the domain knows of how likely samples are to work, and not by "
            "a predictor that does not rank held-out rows.",
        ),
    ] = False,
    search: Annotated[
        str,
        typer.Option(
            help="samples: rank what the generator draws. latent: search its latent space for what "
            "the predictor says meets the targets best; let an oracle judge the result."
        ),
    ] = "samples",
    generations: Annotated[
        int,
        typer.Option(
            min=1, help="With --search latent: how often n x oversample latents are bred anew."
        ),
    ] = 20,
    rounds: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Search for the highest value in so many rounds: ask the oracle about --budget "
            "samples, learn from its answers, ask again. The same command goes on after Ctrl-C.",
        ),
    ] = None,
    budget: Annotated[
        int, typer.Option(min=1, help="With --rounds: samples that the oracle answers in each.")
    ] = 96,
    method: Annotated[
        str | None,
        typer.Option(
            help="With --rounds: active (by a model of the answers), patterns, genetic or random. "
            "Default: what suits the oracle."
        ),
    ] = None,
    retrain: Annotated[
        int,
        typer.Option(
            min=0,
            help="With --rounds and --run: steps that the generator is trained on what the oracle "
            "has said before each round, from the run's own weights; the run stays as it is.",
        ),
    ] = 0,
    novelty: Annotated[
        int,
        typer.Option(
            min=1,
            help="With --rounds: in how many places a sample differs at least from all that were "
            "asked before.",
        ),
    ] = 1,
    apart: Annotated[
        int,
        typer.Option(
            min=0,
            help="With --rounds: in how many places two samples of a round differ at least.",
        ),
    ] = 0,
    diversity: Annotated[
        float,
        typer.Option(
            min=0.0,
            help="In how many places candidates, or with --rounds the samples of a round, differ "
            "at least, on average.",
        ),
    ] = 0.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same candidates.")] = 0,
    out: Annotated[Path | None, typer.Option(help="Folder for table, files and page.")] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes for the oracle. Default: all processors.")
    ] = None,
) -> None:
    """Propose new samples with the properties you ask for."""
    from physgan.design import propose

    console = Console()
    wishes = target or []
    if rounds is not None:
        from physgan.cli.rounds import propose_in_rounds

        if wishes or not oracle:
            raise InputError("--rounds asks an oracle for the highest value, and no targets")
        if plausible:
            raise InputError("--rounds learns from its oracle alone", fix="leave --plausible out")
        if search != "samples":
            raise InputError("--rounds has searches of its own", fix="choose one with --method")
        propose_in_rounds(
            domain, None if run is None else open_run(domain, run), rounds=rounds, budget=budget,
            judge=judge, method=method, novelty=novelty, apart=apart, diversity=diversity,
            seed=seed, retrain=retrain, out=out or Path("searches") / _slug(domain, [], seed),
        )  # fmt: skip
        return
    if retrain:
        raise InputError("--retrain goes with --rounds")
    opened = open_run(domain, run)
    place = out or Path("proposals") / _slug(domain, wishes, seed)
    proposals = propose(
        opened,
        wishes,
        n,
        oversample=oversample,
        seed=seed,
        oracle=(judge or True) if oracle else False,
        filter=filter,
        strict=strict,
        keep_known=keep_known,
        training=None if data is None else training_samples(domain, data),
        out=place,
        workers=workers,
        show_progress=console.is_terminal,
        search=search,
        generations=generations,
        plausible=plausible,
        diversity=diversity,
    )
    console.print(summary(proposals))
    counts = ", ".join(f"{count} {stage}" for stage, count in proposals.counts.items())
    console.print(f"[bold]{counts}[/bold]")
    for warning in proposals.warnings:
        console.print(f"[yellow]note:[/yellow] {warning}", highlight=False)
    console.print(f"Table, files and page: {place}", highlight=False, soft_wrap=True)


def open_run(domain: str, where: str | None) -> Any:
    """The run at a path, called so in ``runs/``, or the one that the domain ships.

    Raises InputError where there is none or it belongs to another domain.
    """
    from physgan.domain import load
    from physgan.run import Run
    from physgan.training.warm_start import ready_run

    folder = ready_run(load(domain)) if where is None else find_run(where)
    opened = Run.open(folder)
    if opened.domain.name != domain:
        raise InputError(
            f"this run is of the domain {opened.domain.name!r}, not {domain!r}", where=str(folder)
        )
    return opened


def find_run(where: str) -> Path:
    """The folder of a run given by its path or by its name in ``runs/``."""
    for folder in (Path(where), Path("runs") / where):
        if folder.is_dir():
            return folder
    raise InputError(f"no run {where!r}", fix="give a folder, or a name that is in runs/")


def training_samples(domain: str, path: Path, chunk: int = 512) -> Iterator[Any]:
    """Native training samples of the data at ``path``, decoded in chunks."""
    from physgan.domain import load

    # A fresh instance: reading data fits a domain, and the run's own must stay as it was.
    fresh: Domain = load(domain)
    x = fresh.load(path, "train").batch["x"]
    for first in range(0, len(x), chunk):
        yield from (s for s in fresh.decode(x[first : first + chunk]) if s is not None)


def summary(proposals: Proposals) -> Table:
    """The best candidates for the terminal."""
    title = f"The best {min(SHOWN, len(proposals))} of {len(proposals)} candidates"
    table = Table(title=title, title_justify="left")
    table.add_column("", justify="right")
    table.add_column("candidate")
    verified = {name for candidate in proposals for name in candidate.verified}
    for target in proposals.targets:
        table.add_column(str(target), justify="right")
        if target.name in verified:
            table.add_column("verified", justify="right")
    table.add_column("novel")
    for candidate in proposals.candidates[:SHOWN]:
        cells = [str(candidate.rank), candidate.label]
        for target in proposals.targets:
            cells.append(_stated(candidate, target))
            if target.name in verified:
                cells.append(_figure(candidate.verified.get(target.name)))
        cells.append({True: "yes", False: "no", None: "?"}[candidate.novel])
        table.add_row(*cells)
    return table


def _stated(candidate: Candidate, target: Target) -> str:
    estimate = candidate.predicted.get(target.name)
    if estimate is None:
        return _figure(candidate.exact.get(target.name))
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value} (p {1 - estimate.spread:.2f})"
    return f"{_figure(estimate.value)} ({estimate.low:.3g} to {estimate.high:.3g})"


def _figure(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _slug(domain: str, targets: list[str], seed: int) -> str:
    words = [re.sub(r"[^\w.+-]+", "-", text.strip()) for text in targets]
    return "_".join([domain, *words, f"seed{seed}"])
