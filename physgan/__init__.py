"""physgan: adversarial generators for scientific inverse design and fast surrogates."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from physgan.errors import InputError, RunError

if TYPE_CHECKING:
    from physgan.design import propose
    from physgan.domain import available, load
    from physgan.run import Run
    from physgan.training.config import RunConfig

__version__ = "0.1.0"
__all__ = [
    "InputError", "Run", "RunConfig", "RunError", "__version__", "available", "load", "propose",
]  # fmt: skip

# torch takes seconds to import; the command line must answer --help before that.
_PLACES = {
    "available": "physgan.domain",
    "load": "physgan.domain",
    "propose": "physgan.design",
    "Run": "physgan.run",
    "RunConfig": "physgan.training.config",
}


def __getattr__(name: str) -> Any:
    if name in _PLACES:
        return getattr(import_module(_PLACES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
