"""physgan: adversarial generators for scientific inverse design and fast surrogates."""

from physgan.domain import available, load
from physgan.errors import InputError, RunError

__version__ = "0.1.0"
__all__ = ["InputError", "RunError", "__version__", "available", "load"]
