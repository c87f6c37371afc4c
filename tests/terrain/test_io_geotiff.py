"""GeoTIFF writing: the same bits and place, in one piece or streamed, whole or not at all."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from surfaces import ORIGIN, UTM, hilly, whole

from physgan.errors import InputError, RunError
from physgan_terrain.heightmap import Heightmap
from physgan_terrain.io import (
    Quantised,
    Rows,
    read_heightmap,
    round_heights,
    write_geotiff,
    write_png,
    write_raw,
)
from physgan_terrain.io import rows as rows_module

rasterio = pytest.importorskip("rasterio")


def in_blocks(source, sizes):
    array = source.z if isinstance(source, Heightmap) else source.values
    starts = np.cumsum([0, *sizes])
    return [array[a:b] for a, b in pairwise(starts)]


def leftovers(folder):
    return [path.name for path in folder.iterdir() if path.name.startswith(".")]


def test_a_float_geotiff_returns_the_same_bits_and_place(tmp_path):
    heightmap = hilly(300, 260)
    write_geotiff(tmp_path / "a.tif", heightmap, {"limit": 30.0, "note": "x"})
    with rasterio.open(tmp_path / "a.tif") as file:
        assert file.dtypes == ("float32",) and file.profile["compress"] == "deflate"
        assert file.profile["tiled"] and file.crs.to_epsg() == 32632
        assert file.transform[:6] == (90.0, 0.0, ORIGIN[0], 0.0, -90.0, ORIGIN[1])
        assert file.tags(ns="PHYSGAN") == {"limit": "30.0", "note": "x"}
        assert np.array_equal(file.read(1), heightmap.z)
    back = read_heightmap(tmp_path / "a.tif")
    assert np.array_equal(back.z, heightmap.z)
    assert (back.cell, back.crs, back.origin) == (90.0, UTM, ORIGIN)
    assert not leftovers(tmp_path)


def test_a_whole_number_geotiff_keeps_every_integer_and_tells_its_scale(tmp_path):
    quantised = whole()
    write_geotiff(tmp_path / "a.tif", quantised)
    with rasterio.open(tmp_path / "a.tif") as file:
        assert (file.scales, file.offsets, file.nodata) == ((0.1,), (-20.0,), None)
        assert np.array_equal(file.read(1), quantised.values)
    assert np.array_equal(read_heightmap(tmp_path / "a.tif").z, quantised.heightmap().z)


@pytest.mark.parametrize("sizes", [[600], [1] * 10 + [590], [255, 1, 0, 300, 44], [256, 344]])
def test_a_streamed_geotiff_is_the_same_file_however_it_is_cut(tmp_path, sizes):
    heightmap = hilly(600, 33)
    rows = Rows(in_blocks(heightmap, sizes), (600, 33), 90.0, UTM, ORIGIN)
    write_geotiff(tmp_path / "rows.tif", rows)
    write_geotiff(tmp_path / "whole.tif", heightmap)
    assert (tmp_path / "rows.tif").read_bytes() == (tmp_path / "whole.tif").read_bytes()


def test_facts_known_only_at_the_end_are_asked_for_after_the_last_row(tmp_path):
    seen = []
    blocks = (seen.append(len(block)) or block for block in in_blocks(hilly(20, 5), [7, 13]))
    rows = Rows(blocks, (20, 5), 90.0)
    write_geotiff(tmp_path / "a.tif", rows, lambda: {"rows": sum(seen)})
    with rasterio.open(tmp_path / "a.tif") as file:
        assert file.tags(ns="PHYSGAN") == {"rows": "20"}


def test_a_heightmap_without_a_place_comes_back_without_one(tmp_path):
    write_geotiff(tmp_path / "a.tif", Heightmap(np.ones((4, 5)), 1.0))
    back = read_heightmap(tmp_path / "a.tif")
    assert (back.cell, back.crs, back.origin) == (1.0, None, None)


def test_an_unknown_crs_is_refused(tmp_path):
    with pytest.raises(InputError, match="unknown crs 'moon'"):
        write_geotiff(tmp_path / "a.tif", Heightmap(np.ones((4, 5)), 1.0, "moon"))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("writer", [write_geotiff, write_png, write_raw])
@pytest.mark.parametrize(
    "blocks",
    [[np.zeros((3, 5), np.uint16)], [np.zeros((6, 5), np.uint16)], [np.zeros((4, 6), np.uint16)]],
)
def test_a_stream_of_the_wrong_size_is_refused_and_leaves_the_old_file(tmp_path, writer, blocks):
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with pytest.raises(InputError, match=r"4 (rows|were)"):
        writer(path, Rows(blocks, (4, 5), 90.0, step=1.0))
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]


def test_a_stream_that_fails_half_way_leaves_nothing(tmp_path):
    def blocks():
        yield np.zeros((2, 5), np.uint16)
        raise KeyError("world")

    for writer in (write_geotiff, write_png, write_raw):
        with pytest.raises(KeyError):
            writer(tmp_path / "new" / "a.bin", Rows(blocks(), (4, 5), 90.0, step=1.0))
    assert list((tmp_path / "new").iterdir()) == []


def test_metres_that_are_not_numbers_and_untyped_whole_numbers_are_refused(tmp_path):
    hole = np.zeros((4, 5), np.float32)
    hole[2, 3] = np.nan
    with pytest.raises(InputError, match="row 12, column 3"):
        write_geotiff(tmp_path / "a.tif", Rows([np.zeros((10, 5)), hole], (14, 5), 90.0))
    with pytest.raises(InputError, match="float64"):
        write_png(tmp_path / "a.png", Rows([np.zeros((4, 5))], (4, 5), 90.0, step=1.0))
    with pytest.raises(InputError, match="cannot become 16-bit"):
        write_png(tmp_path / "a.png", Rows([np.zeros((4, 5))], (4, 5), 90.0))
    with pytest.raises(InputError, match="row 2, column 3"):
        round_heights(Heightmap(hole, 90.0))
    assert not list(tmp_path.iterdir())


@given(st.lists(st.integers(0, 9), max_size=12), st.integers(1, 7))
@settings(deadline=None)
def test_regrouping_keeps_every_row_in_order(sizes, rows):
    total = np.arange(sum(sizes) * 2).reshape(-1, 2)
    starts = np.cumsum([0, *sizes])
    blocks = [total[a:b] for a, b in pairwise(starts)]
    groups = list(rows_module.regroup(blocks, rows))
    assert all(len(group) == rows for group in groups[:-1])
    assert np.array_equal(np.concatenate([total[:0], *groups]), total)


@pytest.mark.parametrize("writer", [write_geotiff, write_png, write_raw])
def test_a_disk_that_takes_no_more_leaves_the_old_file(tmp_path, writer):
    resource = pytest.importorskip("resource")
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    values = np.random.default_rng(0).integers(0, 65536, (600, 600)).astype(np.uint16)
    old = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, old[1]))
    try:
        with pytest.raises(RunError, match=r"could not write .*a\.bin"):
            writer(path, Quantised(values, 0.1, 0.0, 90.0))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, old)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.bin"]
