"""Structure above a tile: bounded, the same in any window, and as large regions have it."""

import csv
import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from generators import small_generator
from hypothesis import given, settings
from hypothesis import strategies as st

from physgan.errors import InputError
from physgan_terrain.job import TerrainJob
from physgan_terrain.land import FARTHEST, OCTAVES, REAL, Land
from physgan_terrain.measures.large_scale import (
    large_exponent,
    large_scale,
    octaves,
    relief_of_tiles,
)
from physgan_terrain.networks.windows import Span
from physgan_terrain.noise import PlacedNoise
from physgan_terrain.slope.operators import horn, zevenbergen_thorne
from physgan_terrain.world import HIGHEST, World

CELL = 90.0


def land(most=1e4, **options):
    return Land(PlacedNoise(0), 5, 50.0, most, **options)


@settings(max_examples=15, deadline=None)
@given(
    rows=st.tuples(st.integers(-60, 40), st.integers(1, 12)),
    columns=st.tuples(st.integers(-60, 40), st.integers(1, 12)),
    steepest=st.sampled_from([None, 0.3, 3.0]),
)
def test_any_window_of_the_land_has_the_same_numbers(rows, columns, steepest):
    made, whole = land(steepest=steepest), Span(-60, 60)
    part = Span(rows[0], sum(rows)), Span(columns[0], sum(columns))
    everything = made(whole, whole)
    assert torch.equal(everything[:, :, part[0].inside(whole), part[1].inside(whole)], made(*part))


def test_rises_keep_their_height_their_slope_and_their_gain():
    span = Span(-200, 200)
    free = land()(span, span)[0].numpy()
    held = land(steepest=0.5, most=150.0, deepest=70.0, room=0.1)(span, span)[0].numpy()
    for axis in (0, 1):
        # Cells of the generator's coarsest level are 32 fine ones.
        assert np.abs(np.diff(free[0], axis=axis)).max() > 32 * 0.5
        assert np.abs(np.diff(held[0], axis=axis)).max() <= 32 * 0.5
    assert free[0].max() > 150 >= held[0].max() and free[0].min() < -70 <= held[0].min()
    assert free[1].max() > math.exp(0.1) and held[1].max() <= math.exp(0.1) + 1e-3
    assert free[1].min() > 0.1


def test_the_land_grows_and_follows_relief_as_real_regions_do():
    span = Span(0, 1024)
    made = land(room=9.0)
    rise, gain = made(span, span)[0].numpy()
    # The middle ones of the octaves from 64 to 512 cells; the rims have a neighbour on one side.
    found = octaves(rise, 6)[1:5]
    growth = 2 ** np.polyfit(np.arange(3), np.log2(found[:3]), 1)[0]
    assert growth == pytest.approx(REAL.growth, abs=0.3)
    logs = np.log(gain)
    shared = REAL.relief_deviation**2 * (1 - REAL.relief_nugget)
    assert logs.std() == pytest.approx(math.sqrt(shared), rel=0.15)
    # Of tiles of two cells, as real ones are measured; the octave within them has no gain.
    of_tiles = [f.reshape(512, 2, 512, 2).mean(axis=(1, 3)).ravel() for f in (rise, logs)]
    assert np.corrcoef(of_tiles)[0, 1] == pytest.approx(0.647, abs=0.15)
    assert abs(rise.mean()) < made.amplitudes[-1] / 2
    assert np.abs(rise).max() <= FARTHEST * 0.55 * math.hypot(*made.amplitudes)


def test_strength_scales_the_rise_and_the_variance_of_relief():
    span = Span(0, 64)
    full, half = (land(strength=s, room=9.0)(span, span)[0] for s in (1.0, 0.25))
    assert torch.allclose(half[0], full[0] / 4, atol=0.05)
    assert float(half[1].log().std() / full[1].log().std()) == pytest.approx(0.5, abs=0.02)
    assert len(land().amplitudes) == OCTAVES


@pytest.fixture(scope="module")
def generator():
    return small_generator(20.0)


def world(generator, limit=20.0, landscape=0, **options):
    condition = torch.nn.functional.one_hot(torch.tensor([landscape]), 3).float()
    options = {"large_scale": 1.0, **options}
    return World(generator, condition, 7, cell=CELL, limit=limit, **options)


@pytest.mark.parametrize("landscape", [0, 1])
@pytest.mark.parametrize("limit", [8.0, 25.0])
def test_tiles_of_a_world_with_land_are_those_of_its_window(generator, landscape, limit):
    made = world(generator, limit, landscape)
    whole = made.window(Span(-48, 49), Span(0, 97))
    for i, j in ((0, 1), (-1, 0), (0, 0), (-1, 1)):
        tile = made.tile(i, j, 48)
        part = whole.n[(i + 1) * 48 : (i + 2) * 48 + 1, j * 48 : (j + 1) * 48 + 1]
        assert np.array_equal(tile.n, part)
    z = made.metres(whole.n)
    for operator in (horn, zevenbergen_thorne):
        assert operator(z, CELL).max() <= limit
    assert made.lowest <= whole.n.min() and whole.n.max() <= made.highest
    strips = list(made.strips(Span(-48, 49), Span(0, 97), 31))
    assert np.array_equal(np.concatenate([s.n for s in strips]), whole.n)
    # The halo is enough: with thrice as much around it, nothing changes.
    made.halo *= 3
    assert np.array_equal(made.window(Span(-48, 49), Span(0, 97)).n, whole.n)


def test_land_changes_a_world_and_none_leaves_it(generator):
    rows = columns = Span(0, 512)
    plain, none, with_land = (
        world(generator, None, **options)
        for options in ({"large_scale": 0.0}, {"large_scale": 0.0}, {})
    )
    flat, high = plain.window(rows, columns).n, with_land.window(rows, columns).n
    assert np.array_equal(flat, none.window(rows, columns).n)
    assert octaves(high / 1.0, 8)[7] > 1.5 * octaves(flat / 1.0, 8)[7]
    assert with_land.highest - with_land.lowest <= HIGHEST


def test_rises_leave_room_for_16_bits(generator):
    made = world(generator, 25.0, step=0.02)
    assert made.high - made.low < HIGHEST
    assert made.highest - made.lowest <= HIGHEST
    assert made.land is not None and made.land.largest < world(generator, 25.0).land.largest


def test_a_strength_out_of_range_is_refused():
    with pytest.raises(InputError, match="strength"):
        TerrainJob(large_scale=-1.0)


def test_a_power_law_is_found_again():
    rng = np.random.default_rng(0)
    k = np.hypot(np.fft.fftfreq(512)[:, None], np.fft.fftfreq(512)[None])
    k[0, 0] = 1
    waves = np.fft.fft2(rng.normal(size=(8, 512, 512))) * k ** (-2.6 / 2)
    waves[:, 0, 0] = 0
    z = np.fft.ifft2(waves).real
    assert large_exponent(z).mean() == pytest.approx(2.6, abs=0.5)
    assert large_exponent(z, size=16).mean() == pytest.approx(2.6, abs=0.15)
    z = 2000 + 300 * z / z.std()
    told = large_scale(list(z), size=32)
    assert told.growth == pytest.approx(2 ** ((2.6 - 2) / 2), abs=0.12)
    rising = z[0] + np.linspace(0, 4000, 512)[:, None]
    assert np.isfinite(relief_of_tiles(rising)[0]).all()


def test_missing_cells_sea_and_flats_are_no_tiles():
    z = np.tile(np.linspace(10, 400, 64), (64, 4))
    z[0, 0], z[:, 64:128], z[:, 192:] = np.nan, 0.0, 7.0
    relief, height = relief_of_tiles(z)
    assert np.isfinite(relief).tolist() == [[False, False, True, False]]
    assert relief[0, 2] == pytest.approx(math.log(390)) and height[0, 2] == pytest.approx(205)
    with pytest.raises(InputError, match="large enough"):
        large_scale([z])


@pytest.mark.skipif("PHYSGAN_DATA" not in os.environ, reason="needs the regional rasters")
def test_the_figures_of_real_regions_are_those_measured():
    import rasterio

    folder = Path(os.environ["PHYSGAN_DATA"]) / "terrain"
    maps = []
    with (folder / "regions.csv").open() as file:
        for row in csv.DictReader(file):
            if float(row["cell_m"]) == CELL:
                with rasterio.open(folder / row["file"]) as raster:
                    values = raster.read(1)
                maps.append(np.where(values == 65535, np.nan, values * np.float32(0.5) - 500))
    for name, value in large_scale(maps).as_dict().items():
        assert getattr(REAL, name) == pytest.approx(value, abs=1e-3)
