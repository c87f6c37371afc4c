"""Crystals as free parameters of symmetry templates, and back."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Literal

from physgan.errors import InputError
from physgan_crystal.symmetry.common import encode_common
from physgan_crystal.symmetry.detect import encode_detect
from physgan_crystal.symmetry.encoded import Encoded
from physgan_crystal.symmetry.library import TemplateLibrary
from physgan_crystal.symmetry.structure import to_structures

if TYPE_CHECKING:
    from pymatgen.core import Structure

__all__ = [
    "Encoded",
    "TemplateLibrary",
    "encode",
    "encode_common",
    "encode_detect",
    "to_structures",
]

FEWEST_COMMON = 32
"""Rows below which "auto" does not look for a common template."""


def encode(
    structures: Sequence[Structure],
    symmetry: Literal["auto", "common", "detect"] = "auto",
    *,
    symprec: float = 0.1,
    library: TemplateLibrary | None = None,
    executor: Executor | None = None,
) -> Encoded:
    """Crystals as template, elements and free coordinates; see ``Encoded``.

    "common" puts all rows in one template, "detect" each in its own space group. "auto" takes
    "common" for 32 or more rows of equal size that share more than the identity in 95 % of the
    rows, else "detect". With ``library`` (of training data) rows are encoded in its templates.
    Raises InputError for an unknown ``symmetry`` or when nothing can be encoded.
    """
    if symmetry not in ("auto", "common", "detect"):
        raise InputError(f"unknown symmetry {symmetry!r}", fix="auto, common or detect")
    if library is not None and symmetry == "auto":
        symmetry = "common" if len(library.seen) else "detect"
    if symmetry == "common":
        return encode_common(structures, library)
    if symmetry == "auto" and len(structures) >= FEWEST_COMMON:
        try:
            encoded = encode_common(structures)
        except InputError:
            encoded = None
        if encoded is not None and _worth(encoded, len(structures)):
            return encoded
    return encode_detect(structures, symprec, library, executor)


def _worth(encoded: Encoded, rows: int) -> bool:
    return int(encoded.library.group[0]) > 1 and len(encoded.kept) >= 0.95 * rows
