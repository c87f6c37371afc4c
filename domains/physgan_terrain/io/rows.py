"""What the writers take: heights, whole-number heights, or either of them as a stream of rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from physgan.errors import InputError
from physgan_terrain.heightmap import Heightmap

TOP = 65535
"""The largest 16-bit value."""
BLOCK_ROWS = 256
"""Rows of one block where a whole array is streamed."""


@dataclass(frozen=True, eq=False)
class Quantised:
    """Whole-number heights: ``z = offset + step * values`` in metres, ``values (H, W)`` uint16.

    What holds for the integers, such as a slope limit, holds in every 16-bit file made of them.
    """

    values: NDArray[np.uint16]
    step: float
    offset: float
    cell: float
    crs: str | None = None
    origin: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or self.values.dtype != np.uint16:
            found = f"{self.values.dtype} of shape {self.values.shape}"
            raise InputError(f"16-bit heights are {found}", fix="a uint16 array (H, W)")
        _check_scale(self.step, self.offset, self.cell)

    def heightmap(self) -> Heightmap:
        """The same surface in metres, each height rounded to float32."""
        z = to_metres(self.values, self.step, self.offset)
        return Heightmap(z, self.cell, self.crs, self.origin)


@dataclass(frozen=True, eq=False)
class Rows:
    """A raster that comes in blocks of rows, from north to south, so that it need not fit memory.

    ``blocks`` are (n, W) arrays, any n; floating point in metres, or, where ``step`` and
    ``offset`` are given, uint16 with ``z = offset + step * value``. They are read once.
    """

    blocks: Iterable[NDArray]
    shape: tuple[int, int]
    cell: float
    crs: str | None = None
    origin: tuple[float, float] | None = None
    step: float | None = None
    offset: float = 0.0

    def __post_init__(self) -> None:
        _check_scale(1.0 if self.step is None else self.step, self.offset, self.cell)
        if min(self.shape) < 1:
            raise InputError(f"a raster of {self.shape[0]} x {self.shape[1]} cells")

    def checked(self) -> Iterator[NDArray]:
        """The blocks as float32 or uint16. Raises InputError at a wrong, missing or NaN row."""
        height, width = self.shape
        done = 0
        for block in self.blocks:
            if block.ndim != 2 or block.shape[1] != width or done + len(block) > height:
                raise InputError(
                    f"after row {done} came a block of shape {block.shape}",
                    fix=f"{height} rows of {width} cells in all",
                )
            yield self._typed(block, done)
            done += len(block)
        if done != height:
            raise InputError(f"{done} rows came, {height} were announced")

    def _typed(self, block: NDArray, row: int) -> NDArray:
        if self.step is not None:
            if block.dtype != np.uint16:
                raise InputError(f"16-bit heights came as {block.dtype}", fix="uint16")
            return block
        if not np.isfinite(block).all():
            bad = np.argwhere(~np.isfinite(block))[0]
            raise InputError(f"the height at row {row + bad[0]}, column {bad[1]} is not a number")
        return np.asarray(block, dtype=np.float32)


Source = Heightmap | Quantised | Rows


def rows_of(source: Source) -> Rows:
    """``source`` as a stream; heights stay floating point, whole numbers whole."""
    if isinstance(source, Rows):
        return source
    array = source.z if isinstance(source, Heightmap) else source.values
    height, width = array.shape
    blocks = (array[i : i + BLOCK_ROWS] for i in range(0, height, BLOCK_ROWS))
    rows = Rows(blocks, (height, width), source.cell, source.crs, source.origin)
    if isinstance(source, Quantised):
        return replace(rows, step=source.step, offset=source.offset)
    return rows


def whole_number_rows(source: Source) -> Rows:
    """``source`` as a stream of uint16; a Heightmap is rounded to a step of ``round_heights``."""
    rows = rows_of(round_heights(source) if isinstance(source, Heightmap) else source)
    if rows.step is None:
        raise InputError("a stream of metres cannot become 16-bit", fix="uint16 with a step")
    return rows


def round_heights(heightmap: Heightmap, step: float | None = None) -> Quantised:
    """Heights rounded to the nearest ``step`` (metres) above the lowest one.

    Without ``step`` the finest of 1, 2, 5 x 10^n that spans the relief, at least 1 mm. Rounding may
    add half a step to a height difference: project the integers where a slope limit must hold.
    Raises InputError where 65,535 steps do not span the relief or a height is not finite.
    """
    check_finite(heightmap)
    low, high = float(heightmap.z.min()), float(heightmap.z.max())
    step = step or _round_step((high - low) / (TOP - 2))
    offset = float(np.floor(low / step)) * step
    if not step > 0 or round((high - offset) / step) > TOP:
        raise InputError(
            f"steps of {step} m do not span a relief of {high - low:.6g} m in 16 bits",
            fix=f"a step of at least {_round_step((high - low) / (TOP - 2))} m",
        )
    values = np.empty(heightmap.shape, dtype=np.uint16)
    for i in range(0, len(values), BLOCK_ROWS):
        block = heightmap.z[i : i + BLOCK_ROWS].astype(np.float64)
        values[i : i + BLOCK_ROWS] = np.clip(np.rint((block - offset) / step), 0, TOP)
    return Quantised(values, step, offset, heightmap.cell, heightmap.crs, heightmap.origin)


def check_finite(heightmap: Heightmap, where: str = "") -> None:
    """Raises InputError naming the first height that is not a number."""
    if not np.isfinite(heightmap.z).all():
        row, column = np.argwhere(~np.isfinite(heightmap.z))[0]
        raise InputError(
            f"the height at row {row}, column {column} is not a number",
            where=where,
            fix="fill the holes first",
        )


def to_metres(values: NDArray, step: float, offset: float) -> NDArray[np.float32]:
    """``offset + step * values`` computed in double precision, kept as float32."""
    z = np.empty(values.shape, dtype=np.float32)
    for i in range(0, len(z), BLOCK_ROWS):
        z[i : i + BLOCK_ROWS] = values[i : i + BLOCK_ROWS].astype(np.float64) * step + offset
    return z


def regroup(blocks: Iterable[NDArray], rows: int) -> Iterator[NDArray]:
    """The same rows in blocks of exactly ``rows``, the last one perhaps shorter."""
    held: list[NDArray] = []
    count = 0
    for block in blocks:
        while count + len(block) >= rows:
            head, block = block[: rows - count], block[rows - count :]
            yield np.concatenate([*held, head]) if held else head
            held, count = [], 0
        if len(block):
            held.append(block)
            count += len(block)
    if held:
        yield np.concatenate(held)


def _round_step(least: float) -> float:
    power = np.floor(np.log10(max(least, 1e-3)))
    steps = (float(f"{digit}e{int(power)}") for digit in (1, 2, 5, 10))
    return next(step for step in steps if step >= max(least, 1e-3))


def _check_scale(step: float, offset: float, cell: float) -> None:
    if not (step > 0 and np.isfinite([step, offset, cell]).all() and cell > 0):
        raise InputError(f"step {step} m, offset {offset} m, cell {cell} m", fix="steps above 0")
