"""Formats without a place of their own: what the sidecar or the caller says, or a refusal."""

import json

import numpy as np
import pytest

from physgan.errors import InputError
from physgan_terrain.io import read_heightmap

rasterio = pytest.importorskip("rasterio")
VALUES = np.arange(12, dtype=np.uint16).reshape(3, 4) * 5000


def sidecar(path, **facts):
    path.with_suffix(".json").write_text(json.dumps(facts))


def png(path, values=VALUES):
    bands = values if values.ndim == 3 else values[None]
    with rasterio.open(
        path, "w", driver="PNG", count=len(bands), height=bands.shape[1], width=bands.shape[2],
        dtype=bands.dtype,
    ) as file:  # fmt: skip
        file.write(bands)
    return path


def test_an_array_takes_its_cell_from_the_caller_or_its_sidecar(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, VALUES.astype(np.float64))
    with pytest.raises(InputError, match=r"a\.npy: no cell size.*a\.npy\.json"):
        read_heightmap(path)
    assert read_heightmap(path, 10.0).cell == 10.0
    sidecar(path, cell=25)
    found = read_heightmap(path)
    assert found.cell == 25 and np.array_equal(found.z, VALUES)
    (tmp_path / "a.npy.json").write_text('{"cell": 30}')
    assert read_heightmap(path).cell == 30
    assert read_heightmap(path, z_scale=0.5, z_offset=1.0).z[2, 3] == 27501


@pytest.mark.parametrize(
    ("array", "match"),
    [
        (np.zeros((3, 4, 2)), "not a grid"),
        (np.zeros((3, 4), dtype="U2"), "not a grid"),
        (np.zeros((3, 4), dtype=complex), "not a grid"),
        (np.zeros((1, 9)), "3 x 3 or more"),
        (np.full((3, 4), 1e300), "no cell holds a height"),
    ],
)
def test_an_array_that_is_no_grid_is_refused(tmp_path, array, match):
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(InputError, match=match):
        read_heightmap(tmp_path / "a.npy", 10.0)


def test_an_array_of_objects_is_never_unpickled(tmp_path):
    np.save(tmp_path / "a.npy", np.array([[{}]], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match="not a numpy array of numbers"):
        read_heightmap(tmp_path / "a.npy", 10.0)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"z_min": -500, "z_step": 0.5}, -500 + 0.5 * VALUES),
        ({"z_min": 100, "z_max": 100 + 65535 * 0.01}, 100 + 0.01 * VALUES),
        ({"z_step": 0.1}, 0.1 * VALUES),
    ],
)
def test_a_png_means_what_its_sidecar_says(tmp_path, facts, expected):
    path = png(tmp_path / "a.png")
    sidecar(path, cell=10, **facts)
    found = read_heightmap(path)
    assert found.cell == 10 and np.allclose(found.z, expected, rtol=1e-6)
    given = read_heightmap(path, z_scale=2.0, z_offset=7.0)
    assert np.array_equal(given.z, 7 + 2.0 * VALUES)


@pytest.mark.parametrize(
    ("facts", "match"),
    [
        ({"cell": 10}, "without a scale.*z_min and z_step or z_max"),
        ({"cell": 10, "z_max": 900}, "without a scale"),
        ({"z_min": 0, "z_step": 0.5}, "no cell size"),
        ({"cell": 10, "z_min": 0, "z_step": 0.5, "z_max": 99}, "only one of"),
        ({"cell": 10, "z_min": 9, "z_max": 9}, "a count is 0.0 m"),
        ({"cell": "10 m", "z_step": 1}, "cell is '10 m'.*a number"),
        ([1], "a JSON object"),
    ],
)
def test_a_sidecar_that_does_not_say_enough_is_refused(tmp_path, facts, match):
    path = png(tmp_path / "a.png")
    path.with_suffix(".json").write_text(json.dumps(facts))
    with pytest.raises(InputError, match=match):
        read_heightmap(path)


def test_a_png_of_8_bits_or_colours_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"uint8.*8 bits make terraces"):
        read_heightmap(png(tmp_path / "a.png", np.zeros((4, 4), np.uint8)), 10.0, z_scale=1.0)
    with pytest.raises(InputError, match="3 channels"):
        read_heightmap(png(tmp_path / "b.png", np.zeros((3, 4, 4), np.uint16)), 10.0, z_scale=1.0)


@pytest.mark.parametrize(("order", "kind"), [("little", "<u2"), ("big", ">u2")])
def test_raw_values_follow_the_byte_order_and_the_size_told(tmp_path, order, kind):
    path = tmp_path / "a.r16"
    VALUES.astype(kind).tofile(path)
    sidecar(path, cell=10, z_step=0.5, width=4, height=3, byte_order=order)
    assert np.array_equal(read_heightmap(path).z, 0.5 * VALUES)


def test_raw_without_a_size_is_a_square_or_refused(tmp_path):
    path = tmp_path / "a.raw"
    VALUES.astype("<u2").tofile(path)
    with pytest.raises(InputError, match="24 bytes are not 3 x 3"):
        read_heightmap(path, 10.0, z_scale=1.0)
    VALUES[:, :3].astype("<u2").tofile(path)
    assert np.array_equal(read_heightmap(path, 10.0, z_scale=1.0).z, VALUES[:, :3])
    sidecar(path, byte_order="middle")
    with pytest.raises(InputError, match="'middle'"):
        read_heightmap(path, 10.0, z_scale=1.0)


@pytest.mark.parametrize("name", ["a.tif", "a.hgt", "a.npy", "a.png", "a.r16"])
def test_a_file_of_rubbish_or_none_is_refused(tmp_path, name):
    path = tmp_path / name
    with pytest.raises(InputError, match="no such file"):
        read_heightmap(path, 10.0)
    path.write_bytes(b"rubbish")
    with pytest.raises(InputError, match=f"{name}: "):
        read_heightmap(path, 10.0, z_scale=1.0)
    with pytest.raises(InputError, match=r"unknown format '\.jpg'"):
        read_heightmap(tmp_path / "a.jpg")


@pytest.mark.parametrize("kind", ["tif", "png"])
def test_a_raster_cut_short_is_refused(tmp_path, kind):
    values = np.random.default_rng(0).integers(0, 65535, (200, 200)).astype(np.uint16)
    path = tmp_path / f"a.{kind}"
    driver = {"tif": "GTiff", "png": "PNG"}[kind]
    with rasterio.open(
        path, "w", driver=driver, count=1, height=200, width=200, dtype="uint16"
    ) as file:
        file.write(values[None])
    path.write_bytes(path.read_bytes()[:40_000])
    with pytest.raises(InputError, match=r"cannot be read|not a readable"):
        read_heightmap(path, 10.0, z_scale=1.0)
