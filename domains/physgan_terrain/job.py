"""What one asks of the terrain domain: a piece of a world of one class."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from physgan.errors import InputError

FORMATS = ("geotiff", "geotiff16", "png", "raw", "obj", "gltf", "npy")
LARGEST_FILL = 8192
"""Cells a side; depressions are filled on the whole piece at once."""


def _said(default: Any, text: str, **more: Any) -> Any:
    return field(default=default, metadata={"help": text, **more})


@dataclass(frozen=True)
class TerrainJob:
    """The options of ``physgan propose`` for terrain. Raises InputError for sizes that make no
    piece."""

    landscape: str | None = _said(
        None, "The class, such as alpine. Default: no particular one.", flag="--class"
    )
    max_slope: float | None = _said(
        None, "Degrees that no cell exceeds, by Horn and by Zevenbergen-Thorne."
    )
    size: int = _said(512, "Cells a side; game engines like 2^n + 1.")
    cell: float | None = _said(None, "Metres a cell; the model's own, checked.")
    relief: float | None = _said(None, "Wanted relief of a 64-cell tile, in metres.")
    mean_slope: float | None = _said(None, "Wanted mean slope of a tile, in degrees.")
    beta: float | None = _said(None, "Wanted spectral exponent of a tile.")
    hypsometric_integral: float | None = _said(None, "Wanted hypsometric integral of a tile.")
    large_scale: float = _said(
        1.0, "Strength of the structure above a tile, 1 as real regions have it, 0 none."
    )
    row: int = _said(0, "Which piece of the world, southwards; neighbours share their border.")
    column: int = _said(0, "Which piece of the world, eastwards.")
    fill: bool = _said(False, "Fill every depression; the slope limit still holds.")
    step: float = _said(0.1, "Metres that heights are multiples of.")
    formats: tuple[str, ...] = _said(
        ("geotiff", "png"),
        "Formats of files; may be given often.",
        choices=FORMATS,
        flag="--format",
    )
    engine: str | None = _said(
        None, "Check the RAW size for a game engine.", choices=("unity", "unreal")
    )

    def __post_init__(self) -> None:
        if self.size < 16:
            raise InputError(f"a piece of {self.size} cells", fix="--size of at least 16")
        if self.fill and self.size > LARGEST_FILL:
            raise InputError(
                f"depressions of {self.size} x {self.size} cells cannot be filled in one piece",
                fix=f"--size of at most {LARGEST_FILL}, or pieces by --row and --column",
            )
        if not 0 <= self.large_scale <= 4:
            raise InputError(f"structure of strength {self.large_scale:g}", fix="between 0 and 4")
        if self.max_slope is not None and not 0 < self.max_slope < 90:
            raise InputError(f"a slope limit of {self.max_slope} degrees", fix="above 0, below 90")

    @property
    def wishes(self) -> dict[str, float]:
        """Wanted values of the continuous properties."""
        names = ("relief", "mean_slope", "beta", "hypsometric_integral")
        return {n: getattr(self, n) for n in names if getattr(self, n) is not None}
