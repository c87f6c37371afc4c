"""Commands of a domain's own making: their options are the fields of a dataclass.

A domain whose answer to a question is one large object, not a ranked list of small ones, names a
dataclass as its ``job`` and answers it with ``answer(run, job, seed, out, say)``. The fields become
options: ``max_slope: float`` is ``--max-slope``; ``metadata`` may hold ``help``, ``choices`` and,
where a name is reserved in Python, ``flag``.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import typer
from typer.core import TyperCommand
from typer.main import get_command

from physgan.errors import InputError


class ByDomain(TyperCommand):
    """The command as it is written, or the one of the job of the domain that the user names."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any
    ) -> Any:
        name = next((argument for argument in args if not argument.startswith("-")), None)
        job = None if name is None else job_of(name)
        if name is None or job is None:
            return super().make_context(info_name, args, parent, **extra)
        return command(job, self.help or "").make_context(info_name, args, parent, **extra)


def job_of(name: str) -> type[Any] | None:
    """The dataclass of the installed domain ``name``, None where it has none or is not there."""
    from physgan.domain import available

    found = available().get(name)
    try:
        return None if found is None else getattr(found(), "job", None)
    except ModuleNotFoundError:
        return None


def command(job: type[Any], about: str) -> Any:
    """A command with the fields of ``job`` as options, and run, seed and out as all have."""

    def call(domain: str, run: str | None, seed: int, out: Path | None, **values: Any) -> None:
        answer(domain, job, values, run, seed, out)

    kinds = get_type_hints(job)
    parameters = [_parameter("domain", Annotated[str, typer.Argument(help="The domain.")])]
    parameters += [option(field, kinds[field.name]) for field in dataclasses.fields(job)]
    parameters += [_parameter(*shared) for shared in SHARED]
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    call.__annotations__ = {p.name: p.annotation for p in parameters}
    app = typer.Typer(add_completion=False)
    app.command("propose", help=about)(call)
    return get_command(app)


def option(field: dataclasses.Field[Any], kind: Any) -> inspect.Parameter:
    """``--name`` for a field: a switch for bool, many values for a tuple, choices where it has
    any."""
    told = field.metadata
    flags = [told["flag"]] if "flag" in told else []
    if get_origin(kind) is tuple:
        kind = list[get_args(kind)[0]]
    if "choices" in told:
        # Texts to Python, so nobody has to turn them back.
        chosen: Any = StrEnum(field.name, [(choice, choice) for choice in told["choices"]])
        many = get_origin(kind) is list
        kind = chosen if kind is str else list[chosen] if many else chosen | None
    default = inspect.Parameter.empty if field.default is dataclasses.MISSING else field.default
    given = Annotated[kind, typer.Option(*flags, help=told.get("help"))]
    return _parameter(field.name, given, list(default) if isinstance(default, tuple) else default)


def _parameter(
    name: str, annotation: Any, default: Any = inspect.Parameter.empty
) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )


SHARED = (
    (
        "run",
        Annotated[
            str | None,
            typer.Option(help="A run's folder, or its name in runs/. Default: the shipped one."),
        ],
        None,
    ),
    ("seed", Annotated[int, typer.Option(help="The same seed gives the same answer.")], 0),
    ("out", Annotated[Path | None, typer.Option(help="Folder for files and page.")], None),
)


def answer(
    domain: str,
    job: type[Any],
    values: dict[str, Any],
    where: str | None,
    seed: int,
    out: Path | None,
) -> None:
    """Open the run and let its domain answer; what it says goes to the console."""
    from rich.console import Console

    from physgan.cli.propose import open_run

    console = Console()
    asked = job(**{n: tuple(v) if isinstance(v, list) else v for n, v in values.items()})
    run = open_run(domain, where)
    reply: Callable[..., None] | None = getattr(run.domain, "answer", None)
    if reply is None:
        raise InputError(f"the domain {domain!r} has a job but no answer to it")
    place = out or Path("proposals") / f"{domain}_{seed}"
    if place.exists() and any(place.iterdir() if place.is_dir() else [place]):
        raise InputError("this place is taken", where=str(place), fix="give another --out")
    place.parent.mkdir(parents=True, exist_ok=True)
    reply(run, asked, seed, place, lambda text: console.print(text, highlight=False))
    console.print(f"Files and page: {place}", highlight=False, soft_wrap=True)
