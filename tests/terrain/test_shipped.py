"""The ready weights answer at once, and what they answer keeps its limit."""

import json

import numpy as np
import pytest

from physgan.cli import main
from physgan.run import Run
from physgan_terrain.classes import CLASSES
from physgan_terrain.domain import TerrainDomain
from physgan_terrain.io.read import read_heightmap
from physgan_terrain.slope.operators import horn, zevenbergen_thorne


@pytest.fixture(scope="module")
def run():
    return Run.open(TerrainDomain().shipped_run())


def test_the_ready_weights_know_ten_landscapes(run):
    assert run.domain.classes == CLASSES and run.domain.cell == 90.0
    card = (run.folder / "card.md").read_text()
    assert "physgan train" in card and "seed" in card


def test_an_answer_without_a_run_keeps_its_limit(tmp_path):
    out = tmp_path / "alps"
    with pytest.raises(SystemExit) as stopped:
        main(["propose", "terrain", "--class", "alpine", "--max-slope", "30", "--size", "128",
              "--cell", "90", "--seed", "7", "--out", str(out)])  # fmt: skip
    assert stopped.value.code == 0
    made = read_heightmap(out / "terrain.tif")
    assert made.shape == (128, 128) and np.ptp(made.z) > 100
    for operator in (horn, zevenbergen_thorne):
        assert operator(made.z, 90.0).max() <= 30.0
    told = json.loads((out / "certificate.json").read_text())["certificate"]
    assert told["holds"] and told["over"] == 0


def test_landscapes_differ_as_real_ones_do(run):
    x = run.sample(200, seed=1)["height"]
    relief = (x.amax(dim=(1, 2, 3)) - x.amin(dim=(1, 2, 3))).view(10, 20).median(dim=1).values
    by_class = dict(zip(CLASSES, relief.tolist(), strict=True))
    assert by_class["alpine"] > 2 * by_class["hills"] > 4 * by_class["plain"] > 0
