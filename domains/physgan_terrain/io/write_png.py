"""16-bit grey PNG, written row by row: no library at hand streams one in bounded memory.

Format: W3C PNG (third edition): 16-bit greyscale, one zlib stream over rows that each carry the
filter "up" (a byte minus the byte above it).
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from physgan_terrain.io.rows import Source, whole_number_rows
from physgan_terrain.io.sidecar import Facts, Range, describe, encode, sidecar_path
from physgan_terrain.io.whole import whole_files

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_UP = 2
_LEVEL = 1
"""Of zlib: level 6 takes twice as long for 1.5 % less on real terrain."""


def write_png(path: Path, source: Source, facts: Facts | None = None) -> list[Path]:
    """Write a 16-bit PNG, north up, and ``<path>.json``; return both paths.

    A Heightmap is rounded to a round step first (``round_heights``); whole numbers are kept bit
    for bit. Raises InputError for a stream of metres or of the wrong size.
    """
    rows = whole_number_rows(source)
    side, used = sidecar_path(path), Range(rows)

    def seen() -> Iterator[NDArray]:
        for block in rows.checked():
            used.add(block)
            yield block

    with whole_files(side, path) as (side_draft, draft):
        with draft.open("wb") as file:
            encode_png(file, rows.shape, seen())
        side_draft.write_bytes(encode(describe(rows, used.lowest, used.highest, facts)))
    return [path, side]


def encode_png(file: BinaryIO, shape: tuple[int, int], blocks: Iterable[NDArray]) -> None:
    """Write uint16 ``blocks`` (n, W) as one PNG of ``shape`` (rows, columns) to ``file``."""
    height, width = shape
    file.write(_SIGNATURE)
    _chunk(file, b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 0, 0, 0, 0))
    stream = zlib.compressobj(_LEVEL)
    above = np.zeros(2 * width, dtype=np.uint8)
    for block in blocks:
        if not len(block):
            continue
        plain = np.ascontiguousarray(block, dtype=">u2").view(np.uint8)
        filtered = np.empty((len(block), 1 + 2 * width), dtype=np.uint8)
        filtered[:, 0] = _UP
        np.subtract(plain[0], above, out=filtered[0, 1:])
        np.subtract(plain[1:], plain[:-1], out=filtered[1:, 1:])
        above = plain[-1]
        _chunk(file, b"IDAT", stream.compress(filtered.data))
    _chunk(file, b"IDAT", stream.flush())
    _chunk(file, b"IEND", b"")


def _chunk(file: BinaryIO, kind: bytes, body: bytes) -> None:
    file.write(struct.pack(">I", len(body)) + kind)
    file.write(body)
    file.write(struct.pack(">I", zlib.crc32(body, zlib.crc32(kind))))
