"""A piece of terrain from the command line: files, certificate, seams, and wrong requests."""

import json

import numpy as np
import pytest
import rasterio
from PIL import Image

from physgan.cli import main
from physgan.run import Run
from physgan.training.config import RunConfig
from physgan_terrain.slope.operators import horn, zevenbergen_thorne


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run of two steps on waves of two classes."""
    folder = tmp_path_factory.mktemp("run")
    rng = np.random.default_rng(0)
    i, j = np.mgrid[:64, :64] / 64
    waves = [np.sin(2 * np.pi * (a * i + b * j + c)) for a, b, c in rng.uniform(0, 3, (24, 3))]
    z = np.array([400 + (300 if n % 2 else 60) * w for n, w in enumerate(waves)])
    z += rng.normal(0, 3, z.shape)
    np.savez(
        folder / "tiles.npz", n=np.rint(z / 0.5).astype(np.uint16), step=0.5, cell=90.0,
        offset=np.zeros(24), label=np.array(["hills", "mountain"] * 12),
        split=np.array(["train"] * 16 + ["val"] * 8),
    )  # fmt: skip
    config = {
        "domain": "terrain",
        "data": str(folder / "tiles.npz"),
        "core_options": {
            "network": {"widths": [4] * 6},
            "critic_network": {"widths": [4, 4, 4, 8], "feature_dim": 8},
        },
        "trainer": {"steps": 2, "batch_size": 4, "accelerator": "cpu"},
    }
    Run.start(folder / "run", RunConfig.advised(config)).train()
    return folder / "run"


def call(*arguments):
    with pytest.raises(SystemExit) as leaving:
        main([str(argument) for argument in arguments])
    return int(leaving.value.code or 0)


def read(folder):
    with rasterio.open(folder / "terrain.tif") as found:
        return found.read(1)


def test_a_piece_keeps_its_limit_in_every_file(run, tmp_path):
    asked = ["--class", "mountain", "--max-slope", 12, "--size", 130, "--seed", 3, "--relief", 250]
    every = [x for f in ("geotiff", "png", "raw", "npy", "gltf") for x in ("--format", f)]
    assert call("propose", "terrain", "--run", run, *asked, *every, "--out", tmp_path / "a") == 0
    z = read(tmp_path / "a")
    told = json.loads((tmp_path / "a" / "certificate.json").read_text())
    assert z.shape == (130, 130) and told["certificate"]["cells"] == 128**2
    assert told["certificate"]["over"] == 0 and told["certificate"]["share_moved"] > 5
    side = json.loads((tmp_path / "a" / "terrain.png.json").read_text())
    assert side["certificate"]["holds"] and side["seed"] == 3
    pixels = np.asarray(Image.open(tmp_path / "a" / "terrain.png"), dtype=np.float64)
    raw = np.fromfile(tmp_path / "a" / "terrain.r16", dtype="<u2").reshape(130, 130)
    assert np.array_equal(pixels, raw)
    heights = raw * 0.1 + (z.min() - 0.1 * raw.min())
    np.testing.assert_allclose(heights, z, atol=2e-3)
    for operator in (horn, zevenbergen_thorne):
        assert operator(z, 90.0).max() <= 12 and operator(raw * 0.1, 90.0).max() <= 12
        assert operator(np.load(tmp_path / "a" / "terrain.npy"), 90.0).max() <= 12
    page = (tmp_path / "a" / "report.html").read_text()
    assert "Certificate" in page and "mountain" in page and "hypsometric" in page
    names = {p.name for p in (tmp_path / "a").iterdir()}
    assert not any(name.startswith(".") for name in names) and "terrain.glb" in names


def test_neighbouring_pieces_share_their_border(run, tmp_path):
    shared = ["--run", run, "--size", 48, "--max-slope", 25, "--format", "geotiff"]
    for column in (0, 1):
        place = tmp_path / str(column)
        assert call("propose", "terrain", *shared, "--column", column, "--out", place) == 0
    west, east = read(tmp_path / "0"), read(tmp_path / "1")
    assert np.array_equal(west[:, -1], east[:, 0]) and not np.array_equal(west, east)


def test_structure_above_a_tile_can_be_left_out(run, tmp_path):
    shared = ["--run", run, "--size", 256, "--format", "geotiff", "--class", "mountain"]
    for strength in (0, 1):
        place = tmp_path / str(strength)
        assert call("propose", "terrain", *shared, "--large-scale", strength, "--out", place) == 0
    even, uneven = read(tmp_path / "0"), read(tmp_path / "1")
    corners = [[z[i::192, j::192][:64, :64].mean() for i in (0, 192) for j in (0, 192)]
               for z in (even, uneven)]  # fmt: skip
    assert not np.array_equal(even, uneven) and np.ptp(corners[1]) > np.ptp(corners[0])


def test_the_vae_gan_trains_by_its_defaults_and_makes_pieces(run, tmp_path):
    values = {
        "domain": "terrain",
        "core": "vae-gan",
        "data": str(run.parent / "tiles.npz"),
        "core_options": {
            "start": 1,
            "network": {"widths": [4] * 6},
            "critic_network": {"widths": [4, 4, 4, 8], "feature_dim": 8},
        },
        "trainer": {"steps": 3, "batch_size": 4, "accelerator": "cpu"},
    }
    made = Run.start(tmp_path / "vae", RunConfig.advised(values))
    assert made.train().step == 3
    assert made.core.prior.flow is None and made.config.core_options["beta_warmup"] == 200
    place = tmp_path / "piece"
    assert call("propose", "terrain", "--run", tmp_path / "vae", "--size", 64, "--out", place) == 0
    assert np.isfinite(read(place)).all()


def test_depressions_are_filled_within_the_limit(run, tmp_path):
    from physgan_terrain.slope.fill import fill

    asked = ["--run", run, "--size", 80, "--max-slope", 15, "--fill", "--out", tmp_path / "f"]
    assert call("propose", "terrain", *asked) == 0
    z = read(tmp_path / "f")
    assert np.array_equal(fill(z), z) and horn(z, 90.0).max() <= 15
    told = json.loads((tmp_path / "f" / "certificate.json").read_text())["certificate"]
    assert told["share_filled"] > 0 and told["holds"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--class", "swamp"], "no class 'swamp'"),
        (["--cell", 30], "not of 30 m"),
        (["--size", 4], "piece of 4"),
        (["--max-slope", 95], "95"),
        (["--size", 9000, "--fill"], "one piece"),
        (["--step", 0.001], "16 bits"),
        (["--format", "stl"], "stl"),
    ],
)
def test_wrong_requests_are_one_message(run, tmp_path, capsys, arguments, said):
    place = tmp_path / "x"
    assert call("propose", "terrain", "--run", run, *arguments, "--out", place) == 2
    assert said in capsys.readouterr().err and not list(tmp_path.iterdir())
