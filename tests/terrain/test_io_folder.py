"""Folders and tile indices: everything readable, with a reason for what is not."""

import numpy as np
import pytest

from physgan.errors import InputError
from physgan_terrain.heightmap import Heightmap
from physgan_terrain.io import Quantised, read_folder, read_tiles, write_geotiff, write_npy

pytest.importorskip("rasterio")
FLAT = Heightmap(np.ones((4, 5)), 90.0)


def names(folder):
    return [name for name, _ in folder.maps]


def test_a_folder_of_classes_is_read_in_order_with_its_labels(tmp_path):
    for name in ("hills/b.tif", "alpine/a.tif", "top.tif", "alpine/.hidden.tif"):
        write_geotiff(tmp_path / name, FLAT)
    write_npy(tmp_path / "hills" / "c.npy", FLAT)
    (tmp_path / "README.md").write_text("x")
    found = read_folder(tmp_path)
    assert names(found) == ["alpine/a.tif", "hills/b.tif", "hills/c.npy", "top.tif"]
    assert found.labels == {
        "alpine/a.tif": "alpine",
        "hills/b.tif": "hills",
        "hills/c.npy": "hills",
    }
    assert found.refused == []


def test_a_label_table_goes_before_folders_and_is_held_against_the_files(tmp_path):
    for name in ("x/a.tif", "b.tif"):
        write_geotiff(tmp_path / name, FLAT)
    (tmp_path / "labels.csv").write_text("file,label\nx/a.tif,alpine\ngone.tif,hills\n")
    found = read_folder(tmp_path)
    assert names(found) == ["x/a.tif"] and found.labels == {"x/a.tif": "alpine"}
    assert found.refused == [
        ("b.tif", "has no label in labels.csv"),
        ("gone.tif", "is in labels.csv but not in the folder"),
    ]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("path,class\na,b\n", r"columns path, class \(file, label\)"),
        ("file,label\na.tif,\n", r"labels\.csv:2: file or label is empty"),
        ("file,label\na.tif,x\na.tif,y\n", r"labels\.csv:3: named twice"),
    ],
)
def test_a_broken_label_table_is_refused(tmp_path, text, match):
    write_geotiff(tmp_path / "a.tif", FLAT)
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(InputError, match=match):
        read_folder(tmp_path)


def test_files_that_cannot_be_read_are_listed_and_the_rest_is_read(tmp_path):
    write_geotiff(tmp_path / "a.tif", FLAT)
    (tmp_path / "b.tif").write_bytes(b"rubbish")
    (tmp_path / "c.jpg").write_bytes(b"x")
    np.save(tmp_path / "d.npy", np.ones((4, 5)))
    found = read_folder(tmp_path)
    assert names(found) == ["a.tif"]
    assert [name for name, _ in found.refused] == ["b.tif", "c.jpg", "d.npy"]
    assert [r.split(":")[0].split(" (")[0] for _, r in found.refused] == [
        "not a readable raster", "unknown format '.jpg'",
        "no cell size",
    ]  # fmt: skip
    assert names(read_folder(tmp_path, 90.0)) == ["a.tif", "d.npy"]


def test_mixed_cell_sizes_are_refused_with_both_files(tmp_path):
    write_geotiff(tmp_path / "a.tif", FLAT)
    write_geotiff(tmp_path / "b.tif", Heightmap(np.ones((40, 50)), 30.0, "EPSG:32632", (4e5, 5e6)))
    with pytest.raises(InputError, match=r"a\.tif has 90 m, b\.tif has 30 m.*reproject"):
        read_folder(tmp_path)
    found = read_folder(tmp_path, 90.0, reproject=True)
    assert [heightmap.cell for _, heightmap in found.maps] == [90.0, 90.0]


def test_a_folder_with_nothing_to_read_is_refused(tmp_path):
    with pytest.raises(InputError, match="no heightmap can be read"):
        read_folder(tmp_path)
    (tmp_path / "b.tif").write_bytes(b"rubbish")
    with pytest.raises(InputError, match=r"b\.tif: not a readable raster"):
        read_folder(tmp_path)
    with pytest.raises(InputError, match="no such folder"):
        read_folder(tmp_path / "none")


# --- tiles


HEAD = "region,split,row,col,label,relief\n"


@pytest.fixture
def index(tmp_path):
    """Two regions whose heights tell row and column: 100 row + column, and its negative."""
    row, column = np.mgrid[0:20, 0:30]
    number = (100 * row + column).astype(np.uint16)
    for name, step, offset in (("one", 1.0, 0.0), ("two", 0.5, -500.0)):
        file = Quantised(number, step, offset, 90.0, "EPSG:32632", (4e5, 5e6))
        write_geotiff(tmp_path / "regions" / f"{name}.tif", file)
    write_geotiff(
        tmp_path / "regions" / "fine.tif",
        Heightmap(np.ones((20, 30)), 30.0, "EPSG:32632", (4e5, 5e6)),
    )
    path = tmp_path / "tiles.csv"
    path.write_text(
        HEAD + "two,train,2,3,alpine,10.5\none,val,0,0,hills,7\n"
        "one,train,12,22,hills,\ntwo,train,0,1,plain,3\n"
    )
    return path


def test_tiles_are_cut_where_the_index_says_in_its_order(index):
    tiles = read_tiles(index, "train", ["relief"], size=8)
    assert tiles.z.shape == (3, 8, 8) and tiles.z.dtype == np.float32 and tiles.cell == 90.0
    assert tiles.region.tolist() == ["two", "one", "two"]
    assert tiles.label.tolist() == ["alpine", "hills", "plain"]
    assert np.array_equal(tiles.columns["relief"], [10.5, np.nan, 3.0], equal_nan=True)
    row, column = np.mgrid[0:8, 0:8]
    number = 100 * row + column
    assert np.array_equal(tiles.z[0], -500 + 0.5 * (number + 203))
    assert np.array_equal(tiles.z[1], number + 1222)
    assert np.array_equal(tiles.z[2], -500 + 0.5 * (number + 1))
    everything = read_tiles(index, size=8)
    assert everything.split.tolist() == ["train", "val", "train", "train"]
    assert (read_tiles(index, "val", size=8, z_scale=2.0, z_offset=5.0).z[0, 0, :2] == [5, 7]).all()


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("one,train,13,0,x,1", r"tiles\.csv:6: the tile leaves one"),
        ("one,train,-1,0,x,1", r"tiles\.csv:6: the tile leaves one"),
        ("one,train,0,1.5,x,1", r"tiles\.csv:6: col is '1\.5' \(a whole number"),
        ("one,train,0", r"tiles\.csv:6: col is None"),
        ("one,train,0,0,x,steep", r"tiles\.csv:6: relief is 'steep'"),
        ("gone,train,0,0,x,1", r"gone\.tif: there is no such file.*tiles\.csv"),
        ("fine,train,0,0,x,1", r"two has 90 m, fine has 30 m"),
    ],
)
def test_a_wrong_line_of_the_index_is_named(index, line, match):
    with index.open("a") as file:
        file.write(line + "\n")
    with pytest.raises(InputError, match=match):
        read_tiles(index, "train", ["relief"], size=8)


def test_a_tile_over_a_hole_is_refused_and_one_beside_it_is_not(index):
    import rasterio

    with rasterio.open(index.parent / "regions" / "one.tif", "r+") as file:
        values = file.read(1)
        values[19, 29] = 65535
        file.write(values, 1)
        file.nodata = 65535
    with pytest.raises(InputError, match=r"tiles\.csv:4: .*cells without height"):
        read_tiles(index, "train", size=8)
    assert len(read_tiles(index, "val", size=8).z) == 1


def test_an_index_without_the_columns_or_rows_asked_for_is_refused(index):
    with pytest.raises(InputError, match=r"no column beta.*relief"):
        read_tiles(index, "train", ["beta"], size=8)
    with pytest.raises(InputError, match=r"no rows of split 'test' \(it has train, val"):
        read_tiles(index, "test", size=8)
    with pytest.raises(InputError, match="no such file"):
        read_tiles(index.parent / "none.csv")
