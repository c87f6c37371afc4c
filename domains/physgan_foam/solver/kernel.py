"""How kernels that only other kernels call are compiled."""

from __future__ import annotations

from typing import Any

from numba import njit

OPTIONS: dict[str, Any] = {
    "cache": True, "error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True,
}  # fmt: skip
inner = njit(**OPTIONS)
"""Without entry points from Python, which take longer to compile than most kernels."""
