"""How tests call the program."""

from typing import Any

import pytest

from physgan.cli import main


def call(*arguments: Any) -> int:
    """The exit code of ``physgan`` with ``arguments``."""
    with pytest.raises(SystemExit) as leaving:
        main([str(argument) for argument in arguments])
    return int(leaving.value.code or 0)
