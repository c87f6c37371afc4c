"""Readers: metres on square cells of known size, or a refusal that names file, reason and cure."""

import json

import numpy as np
import pytest

from physgan.errors import InputError
from physgan_terrain.io import read_heightmap
from physgan_terrain.io.raster import Raster
from physgan_terrain.io.warp import natural_cell, target_crs

rasterio = pytest.importorskip("rasterio")
Affine = rasterio.Affine
UTM = "EPSG:32632"
NORTH_UP = Affine(90, 0, 400_000, 0, -90, 5_000_000)
RAMP = np.arange(20, dtype=np.float32).reshape(4, 5) * 10


def tif(path, values=RAMP, transform=NORTH_UP, crs=UTM, scale=None, unit=None, **more):
    bands = values if values.ndim == 3 else values[None]
    with rasterio.open(
        path, "w", driver="GTiff", count=len(bands), height=bands.shape[1], width=bands.shape[2],
        dtype=bands.dtype, transform=transform, crs=crs, **more,
    ) as file:  # fmt: skip
        file.write(bands)
        if scale:
            file.scales, file.offsets = (scale[0],), (scale[1],)
        if unit:
            file.units = (unit,)
    return path


def png(path, values, facts=None):
    with rasterio.open(
        path, "w", driver="PNG", count=1, height=len(values), width=values.shape[1],
        dtype=values.dtype,
    ) as file:  # fmt: skip
        file.write(values[None])
    if facts is not None:
        path.with_suffix(".json").write_text(json.dumps(facts))
    return path


# --- GeoTIFF


def test_scale_and_offset_tags_hold_unless_options_are_given(tmp_path):
    path = tif(tmp_path / "a.tif", np.full((4, 4), 1300, np.uint16), scale=(0.5, -500.0))
    assert (read_heightmap(path).z == 150).all()
    assert (read_heightmap(path, z_scale=0.1).z == -370).all()
    assert (read_heightmap(path, z_scale=1.0, z_offset=0.0).z == 1300).all()


@pytest.mark.parametrize(
    ("transform", "turned"),
    [
        (Affine(90, 0, 1e5, 0, 90, 2e5 - 360), np.s_[::-1]),
        (Affine(-90, 0, 1e5 + 450, 0, -90, 2e5), np.s_[:, ::-1]),
    ],
)
def test_rows_from_the_south_and_columns_from_the_east_are_put_right(tmp_path, transform, turned):
    found = read_heightmap(tif(tmp_path / "a.tif", transform=transform))
    assert np.array_equal(found.z, RAMP[turned]) and found.origin == (1e5, 2e5)


@pytest.mark.parametrize(
    ("name", "make", "match"),
    [
        ("degrees", {"crs": "EPSG:4326", "transform": Affine(1 / 1200, 0, 8, 0, -1 / 1200, 47)},
         r"0\.000833333 degrees.*gdalwarp -t_srs EPSG:32632 -tr 93 93 -r cubic a\.tif"),
        ("south", {"crs": "EPSG:4326", "transform": Affine(0.01, 0, -70, 0, -0.01, -20)},
         r"EPSG:32719"),
        ("degrees untold", {"crs": None, "transform": Affine(1 / 1200, 0, 8, 0, -1 / 1200, 47)},
         r"degrees.*-s_srs EPSG:4326 -t_srs EPSG:32632"),
        ("feet", {"crs": "EPSG:2263", "transform": Affine(100, 0, 9.8e5, 0, -100, 2e5)},
         r"foot.*EPSG:32618 -tr 30 30"),
        ("oblong", {"transform": Affine(90, 0, 0, 0, -80, 0)}, r"90 x 80 m are not square"),
        ("turned", {"transform": Affine(80, 30, 0, 30, -80, 0)}, "turned"),
        ("no cell", {"crs": None, "transform": None}, "no cell size"),
        ("bands", {"values": np.zeros((3, 4, 5), np.uint8)}, "3 bands of uint8"),
        ("complex", {"values": np.zeros((4, 5), np.complex64)}, "complex64"),
        ("unit", {"unit": "ft"}, r"heights in 'ft'.*z_scale"),
        ("small", {"values": np.zeros((2, 5), np.float32)}, "3 x 3 or more"),
    ],
)  # fmt: skip
def test_a_grid_without_square_metres_is_refused(tmp_path, name, make, match):
    with pytest.raises(InputError, match=r"a\.tif: .*" + match):
        read_heightmap(tif(tmp_path / "a.tif", **make))


def test_a_cell_size_is_taken_where_none_is_told_and_must_agree_where_one_is(tmp_path):
    plain = tif(tmp_path / "plain.tif", crs=None, transform=None)
    assert read_heightmap(plain, cell=12.5).cell == 12.5
    path = tif(tmp_path / "a.tif")
    assert read_heightmap(path, cell=90.0).cell == 90.0
    with pytest.raises(InputError, match="cells are 90 m, not 30 m"):
        read_heightmap(path, cell=30.0)
    with pytest.raises(InputError, match="-5"):
        read_heightmap(plain, cell=-5.0)


# --- holes


@pytest.mark.parametrize(
    ("mark", "dtype", "more"),
    [
        (-7, np.int16, {"nodata": -7}),
        (-32768, np.int16, {}),
        (-9999, np.float32, {}),
        (np.nan, np.float32, {}),
        (-3.4028235e38, np.float32, {}),
        (65535, np.uint16, {"nodata": 65535, "scale": (0.5, -500.0)}),
    ],
)
def test_holes_of_every_kind_are_counted_and_filled_if_asked(tmp_path, mark, dtype, more):
    row, column = np.mgrid[0:12, 0:10]
    values = (1000 + 4 * column + 2 * row).astype(dtype)
    values[3, 7] = values[8, 2:4] = mark
    path = tif(tmp_path / "a.tif", values, **more)
    with pytest.raises(InputError, match=r"3 of 120 cells hold no height.*row 3, column 7.*fill"):
        read_heightmap(path)
    z = read_heightmap(path, nodata="fill").z
    scale, offset = more.get("scale", (1.0, 0.0))
    plane = (1000 + 4 * column + 2 * row) * scale + offset
    known = values == (1000 + 4 * column + 2 * row)
    assert np.array_equal(z[known], plane[known].astype(np.float32))
    assert np.abs(z - plane)[~known].max() <= 4 * scale


def test_a_file_of_nothing_but_holes_and_an_unknown_treatment_are_refused(tmp_path):
    path = tif(tmp_path / "a.tif", np.full((4, 5), np.nan, np.float32))
    with pytest.raises(InputError, match="no cell holds a height"):
        read_heightmap(path, nodata="fill")
    with pytest.raises(InputError, match="'ignore'"):
        read_heightmap(path, nodata="ignore")  # pyright: ignore[reportArgumentType]


# --- SRTM and resampling


def hgt(path, side=1201):
    """Heights 10 times the arc-seconds from the west, 1 times those from the south."""
    seconds = np.arange(side) * 3600 / (side - 1)
    z = 3 * seconds[None] + seconds[::-1, None]
    (z / 3).round().astype(">i2").tofile(path)
    return path


def test_an_srtm_tile_is_refused_as_degrees_and_resampled_if_asked(tmp_path):
    path = hgt(tmp_path / "N46E008.hgt")
    with pytest.raises(InputError, match=r"degrees: slopes need metres.*EPSG:32632 -tr 90 90"):
        read_heightmap(path, cell=90.0)
    with pytest.raises(InputError, match=r"no cell size to resample to.*cell=93"):
        read_heightmap(path, reproject=True)
    found = read_heightmap(path, cell=500.0, reproject=True)
    assert found.cell == 500.0 and found.crs == UTM and found.origin is not None
    height, width = found.shape
    assert 215 <= height <= 223 and 148 <= width <= 155  # 111 km by 76 km, less the skewed rims
    x, y = found.origin[0] + 250 + 500 * np.arange(width), found.origin[1] - 250
    columns, rows = [0, width // 2, width - 1], [0, height // 2, height - 1]
    for row in rows:
        longitude, latitude = rasterio.warp.transform(
            UTM, "EPSG:4326", x[columns].tolist(), [y - 500 * row] * 3
        )
        seconds = 3 * (np.array(longitude) - 8) * 3600 + (np.array(latitude) - 46) * 3600
        assert np.abs(found.z[row, columns] - seconds / 3).max() < 1.0  # heights are whole metres


@pytest.mark.parametrize(
    ("name", "size", "match"),
    [("N46E008.hgt", 1000, "1000 bytes"), ("alps.hgt", 2 * 1201**2, "where the tile lies")],
)
def test_a_broken_or_nameless_srtm_tile_is_refused(tmp_path, name, size, match):
    (tmp_path / name).write_bytes(bytes(size))
    with pytest.raises(InputError, match=match):
        read_heightmap(tmp_path / name, cell=90, reproject=True)


def test_voids_of_srtm_are_found_before_resampling(tmp_path):
    path = hgt(tmp_path / "S10W070.hgt")
    posts = np.fromfile(path, ">i2").reshape(1201, 1201)
    posts[600, 600:603] = -32768
    posts.tofile(path)
    with pytest.raises(InputError, match=r"3 of 1,442,401 .*row 600, column 600"):
        read_heightmap(path, cell=900, reproject=True)
    found = read_heightmap(path, cell=900, nodata="fill", reproject=True)
    assert found.crs == "EPSG:32719" and found.z.min() > -1


def test_a_metric_grid_is_resampled_in_its_own_crs(tmp_path):
    column = np.mgrid[0:90, 0:120][1]
    path = tif(tmp_path / "a.tif", column.astype(np.float32), Affine(30, 0, 5e5, 0, -30, 5e6))
    found = read_heightmap(path, cell=90.0, reproject=True)
    assert found.crs == UTM and found.cell == 90.0
    assert np.allclose(np.diff(found.z[:, 2:-2], axis=1), 3.0, atol=1e-3)
    same = read_heightmap(path, reproject=True)
    assert np.array_equal(same.z, column)


def test_a_turned_grid_is_put_upright(tmp_path):
    c, s = 90 * np.cos(np.radians(20)), 90 * np.sin(np.radians(20))
    turned = Affine(c, s, 5e5, s, -c, 5e6)
    row, column = np.mgrid[0:80, 0:80] + 0.5
    x = turned.a * column + turned.b * row
    path = tif(tmp_path / "a.tif", x.astype(np.float32), turned)
    found = read_heightmap(path, cell=90.0, reproject=True)
    expected = found.origin[0] + 45 + 90 * np.arange(found.shape[1]) - 5e5
    assert min(found.shape) > 30 and np.abs(found.z - expected).max() < 1.0


def test_nothing_left_and_a_place_beyond_utm_are_refused(tmp_path):
    degrees = {"crs": "EPSG:4326"}
    polar = tif(tmp_path / "p.tif", transform=Affine(0.01, 0, 8, 0, -0.01, 89), **degrees)
    with pytest.raises(InputError, match="beyond UTM"):
        read_heightmap(polar, cell=90, reproject=True)
    tiny = tif(tmp_path / "t.tif", transform=Affine(0.001, 0, 8, 0, -0.001, 47), **degrees)
    with pytest.raises(InputError, match="nothing is left"):
        read_heightmap(tiny, cell=500, reproject=True)


def test_the_natural_cell_of_three_seconds_is_93_m():
    raster = Raster(RAMP, transform=Affine(1 / 1200, 0, 8, 0, -1 / 1200, 47))
    assert natural_cell(raster) == 93
    assert target_crs(Raster(RAMP)) is None
