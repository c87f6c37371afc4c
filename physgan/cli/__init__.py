"""The command line: each command is a module with ``register(app)``, imported without torch.

Exit codes: 0 done, 1 the run failed, 2 the input is wrong, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module

import typer
from rich.console import Console

from physgan import __version__
from physgan.errors import InputError, RunError

MODULES = (
    "train", "domains", "doctor", "propose", "rollout", "evaluate", "datasets", "report", "audit",
    "cite", "translate",
)  # fmt: skip


def build_app() -> typer.Typer:
    """The application with every command of ``MODULES``."""
    app = typer.Typer(
        name="physgan",
        help="Adversarial generators for scientific inverse design and fast surrogates.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )

    @app.callback()
    def root(
        version: bool = typer.Option(
            False, "--version", is_eager=True, help="Show the version.", callback=_show_version
        ),
    ) -> None:
        """Adversarial generators for scientific inverse design and fast surrogates."""

    for name in MODULES:
        import_module(f"physgan.cli.{name}").register(app)
    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and leave with its exit code; errors are one message on stderr."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        code = build_app()(given, prog_name="physgan", standalone_mode=False)
    except InputError as error:
        _complain("The input is wrong", error)
        code = 2
    except RunError as error:
        _complain("The run failed", error)
        code = 1
    except KeyboardInterrupt:
        code = 130
    except Exception as error:
        code = _usage(error)
    sys.exit(code if isinstance(code, int) else 0)


def _usage(error: Exception) -> int:
    """The exit code of what click raises: usage errors, and an Abort made of Ctrl-C."""
    if isinstance(error.__cause__, KeyboardInterrupt):
        return 130
    show, code = getattr(error, "show", None), getattr(error, "exit_code", None)
    if show is None or code is None:
        raise error
    show()
    return int(code)


def _complain(title: str, error: Exception) -> None:
    console = Console(stderr=True)
    console.print(f"{title}:", style="bold red", end=" ", highlight=False)
    console.print(str(error), markup=False, highlight=False, soft_wrap=True)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"physgan {__version__}")
        raise typer.Exit
