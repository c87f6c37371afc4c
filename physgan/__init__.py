"""physgan: adversarial generators for scientific inverse design and fast surrogates."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from physgan.errors import InputError, RunError

if TYPE_CHECKING:
    from physgan.domain import available, load

__version__ = "0.1.0"
__all__ = ["InputError", "RunError", "__version__", "available", "load"]


def __getattr__(name: str) -> Any:
    # torch takes seconds to import; the command line must answer --help before that
    if name in ("available", "load"):
        from physgan import domain

        return getattr(domain, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
