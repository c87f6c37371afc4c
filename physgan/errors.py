"""Errors that are the user's to mend, told apart from faults of the program."""

from __future__ import annotations


class InputError(Exception):
    """The input is wrong: what is wrong, where it is, and what would be right.

    The command line prints it as one message and exits with code 2.
    """

    def __init__(self, what: str, *, where: str = "", fix: str = "") -> None:
        self.what, self.where, self.fix = what, where, fix
        super().__init__(str(self))

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        cure = f" ({self.fix})" if self.fix else ""
        return f"{place}{self.what}{cure}"


class RunError(Exception):
    """The run failed though its input was right; exit code 1."""
