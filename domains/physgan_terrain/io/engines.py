"""The raster sizes that game engines import without resampling.

Unity: 2^n + 1 from 33 to 4097 (Terrain settings, heightmap resolution). Unreal: the recommended
landscape sizes of its Landscape Technical Guide. Both are squares.
"""

from __future__ import annotations

from typing import Any

from physgan.errors import InputError
from physgan_terrain.io.rows import TOP

ENGINE_SIZES: dict[str, tuple[int, ...]] = {
    "unity": (33, 65, 129, 257, 513, 1025, 2049, 4097),
    "unreal": (127, 253, 505, 1009, 2017, 4033, 8129),
}


def engines_for(shape: tuple[int, int]) -> list[str]:
    """The engines that take a raster of ``shape`` (rows, columns) as it is."""
    height, width = shape
    return [name for name, sizes in ENGINE_SIZES.items() if height == width and width in sizes]


def nearest_size(size: int, engine: str) -> int:
    """The size of ``engine`` nearest to ``size``; the smaller of two equally near."""
    return min(_sizes(engine), key=lambda right: abs(right - size))


def check_engine(shape: tuple[int, int], engine: str, where: str = "") -> None:
    """Raises InputError with the right sizes where ``engine`` does not take ``shape``."""
    sizes = _sizes(engine)
    if engine not in engines_for(shape):
        height, width = shape
        near = nearest_size(max(height, width), engine)
        raise InputError(
            f"{engine} does not take {height} x {width}",
            where=where,
            fix=f"{near} x {near}, or one of {', '.join(map(str, sizes))}",
        )


def engine_settings(shape: tuple[int, int], cell: float, step: float, offset: float) -> dict:
    """What to enter on import so that the metres come out right, per engine that takes ``shape``.

    Unity spreads 0 to 65535 over the terrain's height; Unreal spreads 65536 counts over 512 m at a
    z scale of 100 and puts 32768 at the landscape's own height; its lengths are centimetres.
    """
    side = (shape[0] - 1) * cell
    settings: dict[str, dict[str, Any]] = {
        "unity": {
            "width_m": side, "length_m": side, "height_m": step * TOP, "position_y_m": offset,
            "byte_order": "windows", "flip_vertically": True,
        },
        "unreal": {
            "x_scale": cell * 100, "y_scale": cell * 100, "z_scale": step * 65536 / 512 * 100,
            "location_z_cm": (offset + 32768 * step) * 100,
        },
    }  # fmt: skip
    return {name: settings[name] for name in engines_for(shape)}


def _sizes(engine: str) -> tuple[int, ...]:
    if engine not in ENGINE_SIZES:
        raise InputError(f"unknown engine {engine!r}", fix=f"one of {', '.join(ENGINE_SIZES)}")
    return ENGINE_SIZES[engine]
