"""Pictures: light falls as the formula says, cells over the limit show, nothing depends on size."""

import io
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from physgan.errors import InputError
from physgan_terrain.heightmap import Heightmap
from physgan_terrain.io import shade
from physgan_terrain.io.draw import MOST, OVER, SEA, draw_hillshade, draw_sheet, draw_slope, relief


def hills(height=64, width=64, seed=0):
    row, column = np.mgrid[0:height, 0:width]
    phase = np.random.default_rng(seed).uniform(0, 6, 2)
    z = 200 * np.sin(row / 9 + phase[0]) * np.cos(column / 7 + phase[1])
    return Heightmap(z + 600, 90.0)


def pixels(figure):
    file = io.BytesIO()
    figure.savefig(file, format="rgba", dpi=80)
    width, height = (figure.get_size_inches() * 80).astype(int)
    return np.frombuffer(file.getvalue(), np.uint8).reshape(height, width, 4)[..., :3] / 255


def test_flat_ground_is_lit_by_the_height_of_the_lights():
    light = shade.hillshade(np.zeros((5, 6)), 10.0)
    assert np.allclose(light, np.sin(np.radians(shade.ALTITUDE)))


@pytest.mark.parametrize("azimuth", [0, 45, 90, 135, 180, 225, 270, 315])
def test_a_plane_is_lit_by_the_cosine_to_each_light(azimuth):
    towards = np.radians(azimuth)  # the side that the slope faces
    row, column = np.mgrid[0:6, 0:6]
    east, north = np.sin(towards), np.cos(towards)
    z = -0.3 * 10.0 * (east * column - north * row)
    normal = np.array([0.3 * east, 0.3 * north, 1]) / np.hypot(1, 0.3)
    expected = 0.0
    for light, weight in shade.LIGHTS:
        a, h = np.radians(light), np.radians(shade.ALTITUDE)
        sun = np.array([np.sin(a) * np.cos(h), np.cos(a) * np.cos(h), np.sin(h)])
        expected += weight * max(0.0, float(normal @ sun))
    assert np.allclose(shade.hillshade(z, 10.0), expected, atol=1e-5)
    assert np.allclose(shade.hillshade(z / 4, 10.0, 4.0), expected, atol=1e-5)


def test_weights_of_the_lights_add_up_and_gentle_relief_is_stretched_more():
    assert sum(weight for _, weight in shade.LIGHTS) == pytest.approx(1)
    ramp = np.mgrid[0:9, 0:9][1]
    factors = [shade.exaggeration_for(ramp * rise, 90.0) for rise in (0.0, 0.9, 9.0, 90.0, 900.0)]
    assert factors == sorted(factors, reverse=True)
    assert factors[0] == 12 and factors[-1] == 1
    apparent = [f * rise for f, rise in zip(factors[1:], (0.9, 9.0, 90.0, 900.0), strict=True)]
    assert apparent == sorted(apparent)  # steeper stays steeper to the eye


def test_fitting_averages_down_and_splines_up_without_moving_the_ground():
    row, column = np.mgrid[0:100, 0:60]
    plane = (3.0 * column + row).astype(np.float32)
    small, cell = shade.fit(plane, 90.0, 50)
    assert small.shape == (50, 30) and cell == 180.0
    assert np.allclose(small, plane[::2, ::2] + 2.0)
    large, cell = shade.fit(plane, 90.0, 5000, 300)
    assert large.shape == (300, 180) and cell == 30.0
    inner = large[30:-30, 30:-30]
    assert np.allclose(np.diff(inner, axis=1), 1.0, atol=1e-2)
    assert np.allclose(large.reshape(100, 3, 60, 3).mean((1, 3))[20:-20, 20:-20],
                       plane[20:-20, 20:-20], atol=1e-2)  # fmt: skip
    assert np.array_equal(shade.fit(plane, 90.0, 200, 50)[0], plane)


def test_the_sea_is_level_and_low_and_is_drawn_blue():
    z = np.full((64, 64), 50.0)
    z += np.mgrid[0:64, 0:64][1]
    z[:, :32] = 0.0
    heightmap = Heightmap(z, 90.0)
    water = shade.still_water(heightmap.z)
    assert water[:, :32].all() and not water[:, 32:].any()
    picture = relief(heightmap)
    left, right = picture[:, :150].mean((0, 1)), picture[:, -150:].mean((0, 1))
    assert np.argmax(left) == np.argmax(SEA) == 2 and right[2] < right[:2].min()
    basin = Heightmap(-100 - np.mgrid[0:64, 0:64][1] * 2.0, 90.0)  # below sea level, but no water
    assert not shade.still_water(basin.z).any()


def test_only_cells_over_the_limit_are_marked_even_when_drawn_small():
    size = 2 * MOST + 102
    z = np.zeros((size, size), np.float32)
    z[1500, 700] = 400.0
    figure = draw_slope(Heightmap(z, 90.0), 30.0)
    image = figure.axes[0].images[0]
    shown = image.get_array()
    assert max(shown.shape) <= MOST
    over = shown > 30.0
    assert 1 <= over.sum() <= 4 and over[1500 // 3, 700 // 3]
    assert "no cell" not in figure.axes[0].get_xlabel()
    assert np.allclose(image.get_cmap()(np.inf)[:3], to_rgb(OVER))
    calm = draw_slope(Heightmap(z / 100, 90.0), 30.0)
    assert "no cell above it" in calm.axes[0].get_xlabel()


def test_a_hillshade_has_a_round_scale_bar_and_a_scale_of_heights():
    figure = draw_hillshade(hills(), "Hills")
    axes, bar = figure.axes
    assert [text.get_text() for text in axes.texts] == ["1 km"]
    assert axes.patches[0].get_width() == pytest.approx(1 / 5.76)
    assert axes.get_title(loc="left") == "Hills" and bar.get_title() == "m"
    assert bar.get_ylim() == pytest.approx((hills().z.min(), hills().z.max()))
    assert pixels(figure).std() > 0.05


def test_a_sheet_has_a_panel_for_each_map_and_only_those():
    panels = [(f"map {i}", hills(seed=i)) for i in range(7)]
    figure = draw_sheet(panels, columns=3)
    assert [axes.texts[0].get_text() for axes in figure.axes] == [name for name, _ in panels]
    assert all("5.76 km" in axes.texts[1].get_text() for axes in figure.axes)
    boxes = [axes.get_position() for axes in figure.axes]
    assert len({round(box.x0, 4) for box in boxes}) == len({round(box.y0, 4) for box in boxes}) == 3
    assert boxes[0].y0 > boxes[3].y0 and boxes[0].x0 < boxes[1].x0
    assert all(not axes.axison or not len(axes.get_xticks()) for axes in figure.axes)


@pytest.mark.parametrize("draw", [draw_hillshade, draw_slope])
def test_pictures_are_the_same_every_time(draw):
    assert np.array_equal(pixels(draw(hills(40, 90))), pixels(draw(hills(40, 90))))


def test_flat_and_tiny_maps_are_drawn():
    for z in (np.zeros((3, 3)), np.full((3, 90), 5.0)):
        for draw in (draw_hillshade, draw_slope):
            assert np.isfinite(pixels(draw(Heightmap(z, 2.0)))).all()


def test_what_cannot_be_drawn_is_refused():
    hole = hills().z.copy()
    hole[4, 5] = np.nan
    for draw in (draw_hillshade, draw_slope, relief):
        with pytest.raises(InputError, match="row 4, column 5"):
            draw(Heightmap(hole, 90.0))
    with pytest.raises(InputError, match="0 panels"):
        draw_sheet([])
    with pytest.raises(InputError, match="0 columns"):
        draw_sheet([("a", hills())], columns=0)


def test_heavy_libraries_load_only_when_used():
    code = (
        "import sys, physgan_terrain.io, physgan_terrain.io.draw;"
        "print([m for m in ('rasterio', 'matplotlib', 'scipy', 'numba') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={"PYTHONPATH": ":".join(filter(None, sys.path))},
    )  # fmt: skip
    assert done.stdout.strip() == "[]"
