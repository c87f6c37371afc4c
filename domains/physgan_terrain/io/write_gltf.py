"""A heightmap as binary glTF 2.0 (``.glb``): Khronos glTF 2.0 specification, sections 3.6 and 4."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from physgan_terrain.heightmap import Heightmap
from physgan_terrain.io.mesh import check_mesh, normals, plane, row_triangles
from physgan_terrain.io.whole import whole_files

_MAGIC, _VERSION = 0x46546C67, 2
_JSON, _BIN = 0x4E4F534A, 0x004E4942
_FLOAT, _UNSIGNED = 5126, 5125
_VERTICES, _INDICES = 34962, 34963


def write_gltf(path: Path, heightmap: Heightmap, facts: Mapping[str, Any] | None = None) -> list:
    """Write positions, normals and triangles as one binary file; return its path.

    Metres, y up, cell size and ``facts`` under ``asset.extras``. Raises InputError above
    ``mesh.MAX_VERTICES`` vertices.
    """
    check_mesh(heightmap, str(path))
    height, width = heightmap.shape
    positions = _positions(heightmap)
    triangles = 2 * (height - 1) * (width - 1)
    sizes = [positions.nbytes, positions.nbytes, triangles * 12]
    about = _document(positions, sizes, {"cell": heightmap.cell, **(facts or {})})
    text = json.dumps(about, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    with whole_files(path) as (draft,), draft.open("wb") as file:
        file.write(struct.pack("<III", _MAGIC, _VERSION, 28 + len(text) + sum(sizes)))
        file.write(struct.pack("<II", len(text), _JSON) + text)
        file.write(struct.pack("<II", sum(sizes), _BIN))
        file.write(positions.astype("<f4", copy=False).tobytes())
        file.write(normals(heightmap).astype("<f4", copy=False).tobytes())
        for row in range(height - 1):
            file.write(row_triangles(row, width).astype("<u4", copy=False).tobytes())
    return [path]


def _positions(heightmap: Heightmap) -> NDArray[np.float32]:
    x, z = plane(heightmap)
    corners = np.empty((*heightmap.shape, 3), dtype=np.float32)
    corners[..., 0], corners[..., 1], corners[..., 2] = x, heightmap.z, z[:, None]
    return corners.reshape(-1, 3)


def _document(
    positions: NDArray[np.float32], sizes: list[int], extras: Mapping[str, Any]
) -> dict[str, Any]:
    count = len(positions)
    starts = np.cumsum([0, *sizes[:-1]]).tolist()
    targets = (_VERTICES, _VERTICES, _INDICES)
    low, high = positions.min(axis=0).tolist(), positions.max(axis=0).tolist()
    return {
        "asset": {"version": "2.0", "generator": "physgan", "extras": dict(extras)},
        "scene": 0,
        "scenes": [{"nodes": [0]}],
        "nodes": [{"mesh": 0, "name": "terrain"}],
        "meshes": [{"primitives": [
            {"attributes": {"POSITION": 0, "NORMAL": 1}, "indices": 2, "material": 0, "mode": 4}
        ]}],
        "materials": [{"name": "ground", "pbrMetallicRoughness": {
            "baseColorFactor": [0.62, 0.57, 0.49, 1.0], "metallicFactor": 0.0,
            "roughnessFactor": 1.0,
        }}],
        "buffers": [{"byteLength": sum(sizes)}],
        "bufferViews": [
            {"buffer": 0, "byteOffset": start, "byteLength": size, "target": target}
            for start, size, target in zip(starts, sizes, targets, strict=True)
        ],
        "accessors": [
            {"bufferView": 0, "componentType": _FLOAT, "count": count, "type": "VEC3",
             "min": low, "max": high},
            {"bufferView": 1, "componentType": _FLOAT, "count": count, "type": "VEC3"},
            {"bufferView": 2, "componentType": _UNSIGNED, "count": sizes[2] // 4,
             "type": "SCALAR"},
        ],
    }  # fmt: skip
