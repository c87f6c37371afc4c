"""OBJ and glTF: parsed back, the surface, its bounds and its normals are right."""

import json
import struct

import numpy as np
import pytest
from surfaces import hilly

from physgan.errors import InputError
from physgan_terrain.heightmap import Heightmap
from physgan_terrain.io import mesh as mesh_module
from physgan_terrain.io import (
    write_gltf,
    write_obj,
)


def parse_glb(path):
    data = path.read_bytes()
    magic, version, length = struct.unpack_from("<4sII", data)
    assert (magic, version, length) == (b"glTF", 2, len(data))
    size, kind = struct.unpack_from("<I4s", data, 12)
    assert kind == b"JSON" and size % 4 == 0
    about = json.loads(data[20 : 20 + size])
    binary_size, kind = struct.unpack_from("<I4s", data, 20 + size)
    assert kind == b"BIN\0" and binary_size % 4 == 0 and 28 + size + binary_size == len(data)
    binary = data[28 + size :]
    found = []
    for accessor in about["accessors"]:
        view = about["bufferViews"][accessor["bufferView"]]
        assert view["byteOffset"] % 4 == 0
        piece = binary[view["byteOffset"] : view["byteOffset"] + view["byteLength"]]
        kind = {5126: "<f4", 5125: "<u4"}[accessor["componentType"]]
        parts = {"VEC3": 3, "SCALAR": 1}[accessor["type"]]
        array = np.frombuffer(piece, kind).reshape(-1, parts)
        assert len(array) == accessor["count"]
        found.append(array)
    assert about["buffers"][0]["byteLength"] == binary_size
    return about, found


def faces_of(triangles, points):
    a, b, c = (points[triangles[:, i]].astype(np.float64) for i in range(3))
    return np.cross(b - a, c - a)


def test_a_glb_holds_the_surface_with_bounds_and_upward_normals(tmp_path):
    heightmap = hilly(7, 9)
    write_gltf(tmp_path / "a.glb", heightmap, {"limit": 30.0})
    about, (points, normals, indices) = parse_glb(tmp_path / "a.glb")
    assert about["asset"]["extras"] == {"cell": 90.0, "limit": 30.0}
    assert about["accessors"][0]["min"] == points.min(0).tolist()
    assert about["accessors"][0]["max"] == points.max(0).tolist()
    assert np.array_equal(points[:, 1].reshape(7, 9), heightmap.z)
    assert np.array_equal(points[:9, 0], (np.arange(9, dtype=np.float32) - 4) * 90)
    assert np.array_equal(points[::9, 2], (np.arange(7, dtype=np.float32) - 3) * 90)
    triangles = indices.reshape(-1, 3)
    assert len(triangles) == 2 * 6 * 8 and indices.max() == 62
    up = faces_of(triangles, points)[:, 1]
    assert np.allclose(up, 90.0**2)  # counter-clockwise from above, each half a cell
    assert np.allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-6)


def test_normals_of_a_tilted_plane_stand_on_it(tmp_path):
    row, column = np.mgrid[0:5, 0:6]
    heightmap = Heightmap(3.0 * column + 1.0 * row, 2.0)
    write_gltf(tmp_path / "a.glb", heightmap)
    _, (points, normals, indices) = parse_glb(tmp_path / "a.glb")
    faces = faces_of(indices.reshape(-1, 3), points)
    expected = faces[0] / np.linalg.norm(faces[0])
    assert np.allclose(normals, expected, atol=1e-6)


def test_an_obj_has_the_same_vertices_and_faces(tmp_path):
    heightmap = hilly(5, 4)
    write_obj(tmp_path / "a.obj", heightmap)
    write_gltf(tmp_path / "a.glb", heightmap)
    lines = [line.split() for line in (tmp_path / "a.obj").read_text().splitlines()]
    points = np.array([line[1:] for line in lines if line[0] == "v"], dtype=float)
    faces = np.array([line[1:] for line in lines if line[0] == "f"], dtype=int)
    _, (expected, _, indices) = parse_glb(tmp_path / "a.glb")
    assert np.allclose(points, expected, atol=1e-4)
    assert np.array_equal(faces - 1, indices.reshape(-1, 3))


@pytest.mark.parametrize("writer", [write_obj, write_gltf])
def test_a_mesh_too_large_or_with_holes_is_refused(tmp_path, monkeypatch, writer):
    heightmap = hilly(5, 4)
    with pytest.raises(InputError, match="row 0, column 0 is not a number"):
        writer(tmp_path / "a.mesh", heightmap.with_heights(np.full((5, 4), np.nan)))
    monkeypatch.setattr(mesh_module, "MAX_VERTICES", 19)
    with pytest.raises(InputError, match="20 vertices, more than 19"):
        writer(tmp_path / "a.mesh", heightmap)
    assert not list(tmp_path.iterdir())
