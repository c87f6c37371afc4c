"""A user's own judge: a Python callable, or a command that reads sequences and prints numbers."""

from __future__ import annotations

import contextlib
import importlib
import math
import os
import shlex
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from physgan.errors import InputError, RunError
from physgan_protein.oracles.base import SequenceOracle

Scorer = Callable[[list[str]], Any]
Format = Literal["lines", "fasta"]
TAIL = 400
"""Characters of a failed command's complaint that are shown."""


class CallableOracle(SequenceOracle):
    """``function(sequences: list[str]) -> one number each``, by name or as it is.

    A name is ``package.module:function``, imported from where Python finds modules. NaN means
    unknown. ``timeout`` in seconds bounds one batch; a late function goes on in a thread that
    does not keep the program from ending. Raises InputError where there is no such function,
    RunError where it fails, is late or does not give one number each.
    """

    def __init__(
        self,
        function: str | Scorer,
        *,
        timeout: float | None = None,
        budget: int | None = None,
        seed: int = 0,
        property: str = "fitness",
    ) -> None:
        super().__init__(budget=budget, seed=seed, property=property)
        _check_timeout(timeout)
        self.function = imported(function) if isinstance(function, str) else function
        self.name = function if isinstance(function, str) else _name(function)
        self.timeout = timeout

    def score(self, sequences: Sequence[str]) -> NDArray[np.float64]:
        found: list[Any] = []
        thread = threading.Thread(target=self._ask, args=(list(sequences), found), daemon=True)
        thread.start()
        thread.join(self.timeout)
        if thread.is_alive():
            raise RunError(
                f"{self.name}: no answer for {len(sequences)} sequences in {self.timeout:g} s; "
                "allow more time or ask for fewer"
            )
        (answer,) = found
        if isinstance(answer, BaseException):
            raise RunError(f"{self.name}: {type(answer).__name__}: {answer}") from answer
        return self._numbers(answer, len(sequences))

    def settings(self) -> dict[str, Any]:
        return {"timeout_s": self.timeout}

    def _ask(self, sequences: list[str], found: list[Any]) -> None:
        try:
            found.append(self.function(sequences))
        except BaseException as error:
            found.append(error)

    def _numbers(self, answer: Any, wanted: int) -> NDArray[np.float64]:
        try:
            values = np.asarray(answer, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise RunError(f"{self.name}: the answer is not a list of numbers: {error}") from error
        if values.shape != (wanted,):
            raise RunError(
                f"{self.name}: an answer of shape {values.shape} for {wanted} sequences; "
                "one number each is wanted"
            )
        return values


class CommandOracle(SequenceOracle):
    """A command that reads sequences on its standard input and prints one number a line.

    ``format`` is ``lines`` (one sequence a line) or ``fasta`` (records named 1, 2, ...); numbers
    come in the same order, ``nan`` for unknown, empty lines are passed over. The command is run
    once a batch, without a shell, and with all that it started is ended after ``timeout`` seconds.
    ``PHYSGAN_SEED`` in its environment holds ``seed``. Raises InputError where there is no such
    program, RunError where it fails, is late or prints something else.
    """

    def __init__(
        self,
        command: str | Sequence[str],
        *,
        format: Format = "lines",
        timeout: float | None = None,
        budget: int | None = None,
        seed: int = 0,
        property: str = "fitness",
    ) -> None:
        super().__init__(budget=budget, seed=seed, property=property)
        _check_timeout(timeout)
        if format not in ("lines", "fasta"):
            raise InputError(f"no format called {format!r}", fix="lines or fasta")
        self.command = _words(command) if isinstance(command, str) else list(command)
        if not self.command or shutil.which(self.command[0]) is None:
            raise InputError(
                f"no program called {self.command[0]!r}" if self.command else "an empty command",
                fix="a program on the path, or its place",
            )
        self.format, self.timeout = format, timeout
        self.name = os.path.basename(self.command[0])

    def score(self, sequences: Sequence[str]) -> NDArray[np.float64]:
        if self.format == "fasta":
            text = "".join(f">{n}\n{s}\n" for n, s in enumerate(sequences, start=1))
        else:
            text = "".join(f"{s}\n" for s in sequences)
        lines = [line for line in self._run(text).splitlines() if line.strip()]
        if len(lines) != len(sequences):
            raise RunError(
                f"{self.name}: {len(lines)} lines for {len(sequences)} sequences; "
                "one number a line is wanted"
            )
        return np.array([self._number(line, n) for n, line in enumerate(lines, start=1)])

    def settings(self) -> dict[str, Any]:
        return {"command": self.command, "format": self.format, "timeout_s": self.timeout}

    def _run(self, text: str) -> str:
        with subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PHYSGAN_SEED": str(self.seed)},
            start_new_session=True,
        ) as process:
            try:
                out, complaint = process.communicate(text, timeout=self.timeout)
            except subprocess.TimeoutExpired:
                _end(process)
                raise RunError(f"{self.name}: no answer in {self.timeout:g} s") from None
            except BaseException:
                _end(process)
                raise
        if process.returncode:
            raise RunError(
                f"{self.name}: ended with exit code {process.returncode}: "
                f"{complaint.strip()[-TAIL:] or 'it printed no reason'}"
            )
        return out

    def _number(self, line: str, place: int) -> float:
        try:
            return float(line)
        except ValueError:
            raise RunError(
                f"{self.name}: {line.strip()[:80]!r} on line {place} is no number"
            ) from None


def imported(name: str) -> Scorer:
    """The callable ``package.module:function``; raises InputError where there is none."""
    module, colon, attribute = name.partition(":")
    if not (module and colon and attribute):
        raise InputError(f"{name!r} names no function", fix="package.module:function")
    try:
        found: Any = importlib.import_module(module)
    except ImportError as error:
        raise InputError(f"cannot import {module!r}: {error}", where=name) from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            raise InputError(f"{module!r} has no {attribute!r}", where=name)
        found = getattr(found, part)
    if not callable(found):
        raise InputError("is not callable", where=name)
    return found


def _words(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError as error:
        raise InputError(f"cannot be read: {error}", where=command) from error


def _check_timeout(timeout: float | None) -> None:
    if timeout is not None and not (timeout > 0 and math.isfinite(timeout)):
        raise InputError(f"a timeout of {timeout} s", fix="a number of seconds above zero")


def _name(function: Scorer) -> str:
    return getattr(function, "__qualname__", type(function).__qualname__)


def _end(process: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
