"""16-bit PNG and RAW: every value survives, and the sidecar says what it means."""

import json
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from surfaces import whole

from physgan.errors import InputError
from physgan_terrain.heightmap import Heightmap
from physgan_terrain.io import (
    Quantised,
    Rows,
    engines_for,
    nearest_size,
    read_heightmap,
    round_heights,
    write_png,
    write_raw,
)
from physgan_terrain.io.engines import ENGINE_SIZES, engine_settings

PIL = pytest.importorskip("PIL.Image")
pytest.importorskip("rasterio")


@given(st.floats(-10_900, 8_800), st.floats(0, 9_000))
@settings(deadline=None)
def test_rounding_spans_the_relief_and_errs_by_at_most_half_a_step(low, rise):
    z = np.linspace(low, low + rise, 12).reshape(3, 4).astype(np.float32)
    quantised = round_heights(Heightmap(z, 90.0))
    assert 1e-3 <= quantised.step <= 0.5
    error = quantised.offset + quantised.step * quantised.values - z.astype(np.float64)
    assert np.abs(error).max() <= quantised.step / 2 * (1 + 1e-6)


def test_a_step_too_fine_for_the_relief_is_refused():
    with pytest.raises(InputError, match=r"at least 0\.05 m"):
        round_heights(Heightmap(np.linspace(0, 3000, 9).reshape(3, 3), 90.0), step=0.01)


@pytest.mark.parametrize("bad", [{"step": 0.0}, {"step": np.nan}, {"offset": np.inf}])
def test_whole_numbers_of_no_scale_are_refused(bad):
    with pytest.raises(InputError, match="step"):
        Quantised(np.zeros((3, 3), np.uint16), **({"step": 1.0, "offset": 0.0, "cell": 9.0} | bad))
    with pytest.raises(InputError, match="int32"):
        Quantised(np.zeros((3, 3), np.int32), 1.0, 0.0, 9.0)  # pyright: ignore[reportArgumentType]


@given(arrays(np.uint16, st.tuples(st.integers(3, 9), st.integers(3, 9))), st.integers(1, 9))
@settings(deadline=None, max_examples=40)
def test_pillow_reads_every_16_bit_value_of_a_png(tmp_path_factory, values, first):
    path = tmp_path_factory.mktemp("png") / "a.png"
    height, width = values.shape
    blocks = [values[:first], values[first:]]
    write_png(path, Rows(blocks, (height, width), 30.0, step=0.5, offset=-500.0))
    with PIL.open(path) as image:
        assert image.mode == "I;16"
        assert np.array_equal(np.asarray(image), values)


def test_a_png_and_its_sidecar_give_the_heights_back(tmp_path):
    quantised = whole()
    made = write_png(tmp_path / "a.png", quantised, {"limit": 30.0, "certificate": {"max": 29.9}})
    assert made == [tmp_path / "a.png", tmp_path / "a.png.json"]
    facts = json.loads(made[1].read_text())
    assert (facts["z_min"], facts["z_step"], facts["cell"]) == (-20.0, 0.1, 90.0)
    assert facts["z_max"] == pytest.approx(-20 + 0.1 * 65535)
    assert facts["lowest"] == pytest.approx(-20 + 0.1 * int(quantised.values.min()))
    assert facts["highest"] == pytest.approx(-20 + 0.1 * int(quantised.values.max()))
    assert (facts["limit"], facts["certificate"]) == (30.0, {"max": 29.9})
    back = read_heightmap(made[0])
    assert np.array_equal(back.z, quantised.heightmap().z) and back.cell == 90.0


def test_raw_is_little_endian_rows_from_the_north(tmp_path):
    values = np.arange(33 * 33, dtype=np.uint16).reshape(33, 33) * 50
    write_raw(tmp_path / "a.r16", Quantised(values, 0.2, 100.0, 10.0), engine="unity")
    assert (tmp_path / "a.r16").read_bytes() == struct.pack("<1089H", *values.ravel().tolist())
    facts = json.loads((tmp_path / "a.r16.json").read_text())
    assert facts["byte_order"] == "little" and facts["width"] == facts["height"] == 33
    assert facts["unity"]["width_m"] == 320.0
    assert facts["unity"]["height_m"] == pytest.approx(0.2 * 65535)
    assert "unreal" not in facts
    back = read_heightmap(tmp_path / "a.r16")
    assert np.array_equal(back.z, (100 + 0.2 * values).astype(np.float32))


def test_unreal_scales_give_the_metres_back():
    found = engine_settings((505, 505), 2.0, 0.01, -50.0)["unreal"]
    # Unreal: height in cm = (value - 32768) / 128 * z_scale + location.
    for value in (0, 32768, 65535):
        metres = ((value - 32768) / 128 * found["z_scale"] + found["location_z_cm"]) / 100
        assert metres == pytest.approx(-50 + 0.01 * value)
    assert found["x_scale"] == 200.0


def test_sizes_of_engines_are_told_and_checked(tmp_path):
    assert engines_for((1025, 1025)) == ["unity"] and engines_for((1009, 1009)) == ["unreal"]
    assert engines_for((1024, 1024)) == [] and engines_for((1025, 1009)) == []
    assert all(bin(size - 1).count("1") == 1 for size in ENGINE_SIZES["unity"])
    assert nearest_size(1024, "unity") == 1025 and nearest_size(9000, "unreal") == 8129
    with pytest.raises(InputError, match=r"unity does not take 40 x 50 \(65 x 65"):
        write_raw(tmp_path / "a.r16", whole(), engine="unity")
    with pytest.raises(InputError, match="unknown engine 'godot'"):
        nearest_size(5, "godot")
    assert not list(tmp_path.iterdir())
