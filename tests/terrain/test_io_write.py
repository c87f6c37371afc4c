"""One call for all formats: the files agree, and nothing is written where one is refused."""

import json

import numpy as np
import pytest
from surfaces import hilly, whole

from physgan.errors import InputError
from physgan_terrain.io import (
    read_heightmap,
    write,
    write_npy,
)

rasterio = pytest.importorskip("rasterio")


def test_npy_gives_the_same_bits_back(tmp_path):
    heightmap = hilly()
    write_npy(tmp_path / "a.npy", heightmap, {"limit": 20})
    assert np.array_equal(np.load(tmp_path / "a.npy"), heightmap.z)
    assert json.loads((tmp_path / "a.npy.json").read_text())["limit"] == 20
    assert read_heightmap(tmp_path / "a.npy").cell == 90.0


def test_all_formats_at_once_agree(tmp_path):
    quantised = whole(33, 33)
    heightmap = quantised.heightmap()
    formats = ("geotiff", "geotiff16", "png", "raw", "obj", "gltf", "npy")
    made = write(
        heightmap, tmp_path, formats, quantised=quantised, sidecar={"limit": 30}, engine="unity"
    )
    names = (
        ".tif",
        "_16.tif",
        ".png",
        ".png.json",
        ".r16",
        ".r16.json",
        ".obj",
        ".glb",
        ".npy",
        ".npy.json",
    )
    expected = [f"terrain{name}" for name in names]
    assert [p.name for p in made] == expected
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(expected)
    for name in ("terrain.tif", "terrain_16.tif", "terrain.png", "terrain.r16", "terrain.npy"):
        assert np.array_equal(read_heightmap(tmp_path / name).z, heightmap.z), name


def test_a_file_name_says_the_format(tmp_path):
    assert write(hilly(), tmp_path / "sub" / "a.tif") == [tmp_path / "sub" / "a.tif"]
    with rasterio.open(tmp_path / "sub" / "a.tif") as file:
        assert file.dtypes == ("float32",)
    write(hilly(), tmp_path / "b.tif", ["geotiff16"])
    with rasterio.open(tmp_path / "b.tif") as file:
        assert file.dtypes == ("uint16",)


@pytest.mark.parametrize(
    ("target", "formats", "more", "match"),
    [
        ("out", ["exr"], {}, "unknown format 'exr'.*geotiff16"),
        ("out", [], {}, "no format given"),
        ("a.png", ["obj"], {}, "cannot all be this one file"),
        ("out", ["npy", "raw"], {"engine": "unreal"}, "unreal does not take"),
        ("out", ["png"], {"quantised": whole(5, 5)}, "shape"),
        ("taken", ["png"], {}, "not a folder"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is(
    tmp_path, target, formats, more, match
):
    (tmp_path / "taken").write_text("x")
    with pytest.raises(InputError, match=match):
        write(hilly(), tmp_path / target, formats, **more)
    assert [p.name for p in tmp_path.iterdir()] == ["taken"]
