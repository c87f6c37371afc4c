"""The page of objectives: its figures are the results', its measures have known answers."""

import importlib.util
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tensordict import TensorDict

from physgan.objectives import OBJECTIVES
from physgan.registry import constants_of
from physgan.testing.contract import assert_domain_contract
from physgan_terrain.networks.autoencoder import TerrainAutoencoder

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "objectives.md").read_text(encoding="utf-8")
RECORD = json.loads((ROOT / "benchmarks" / "results" / "objectives.json").read_text("utf-8"))
KEYS = ("modes_ring8", "good_ring8", "modes_grid25", "good_grid25", "mmd_terrain", "step_ms")


@pytest.fixture(scope="module")
def load():
    """A module of the benchmarks by name; they import each other from their own folder."""
    sys.path.insert(0, str(ROOT / "benchmarks"))
    yield lambda name: importlib.import_module(name)
    sys.path.remove(str(ROOT / "benchmarks"))


@pytest.fixture(scope="module")
def tasks(load):
    return load("objectives_tasks")


def test_every_figure_of_the_page_is_that_of_the_results(load):
    assert load("readme").render(PAGE) == PAGE


@pytest.mark.parametrize("kind", ["objectives", "regularizers", "augmentations"])
def test_the_page_lists_every_constant_with_its_default(load, kind):
    page = load("objectives_page")
    for name, cls in page.SETTINGS_OF[kind].items():
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{name}` |"))
        for key, value in constants_of(cls).items():
            assert f"`{key}={page.told(value)}`" in row


def test_every_table_of_the_page_is_marked_and_its_pictures_exist(load):
    outside = load("readme").MARKER.sub("", PAGE)
    assert not [row for row in outside.splitlines() if row.startswith("|")]
    targets = re.findall(r"\]\(([^)#\s]+)\)", PAGE)
    assert targets
    for target in targets:
        assert "://" in target or (ROOT / "docs" / target).exists(), target


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_registered_objective_has_its_figures(name):
    row = RECORD["figures"][name]
    for key in KEYS:
        assert row[key] >= 0 and row[f"{key}_spread"] >= 0, key
    assert row["modes_ring8"] <= 8 and row["modes_grid25"] <= 25
    assert row["good_ring8"] <= 100 and row["good_grid25"] <= 100
    assert f"| {name} | {row['regularizer']} |" in PAGE


def test_the_results_are_of_three_seeds_and_the_present_settings(load):
    assert len(set(RECORD["seeds"])) >= 3
    settings = load("objectives_settings")
    for name, setting in (settings.SETTINGS | settings.VARIANTS).items():
        assert RECORD["settings"][name] == json.loads(json.dumps(vars(setting))), name
    assert set(settings.SETTINGS) == set(OBJECTIVES)


def test_the_grid_keeps_the_contract_and_its_density_integrates_to_one(tasks):
    assert_domain_contract(tasks.GaussianGrid(rows=64))
    axis = torch.linspace(-2.5, 2.5, 1001, dtype=torch.float64)
    grid = tasks.GaussianGrid()
    grid.centres = grid.centres.double()
    density = grid.log_density(torch.cartesian_prod(axis, axis)).exp()
    assert density.sum().item() * (5 / 1000) ** 2 == pytest.approx(1.0, abs=1e-6)


def test_a_grid_comes_back_from_its_state(tasks):
    grid, other = tasks.GaussianGrid(side=3, spacing=0.5, sigma=0.1, rows=16), tasks.GaussianGrid()
    other.restore(grid.state())
    assert torch.equal(other.centres, grid.centres) and other.sigma == 0.1
    assert grid.centres.abs().max() == 0.5 and len(grid.centres) == 9


def test_a_mode_counts_with_a_tenth_of_its_fair_share_within_three_sigma(tasks):
    centres = torch.tensor([[0.0, 0.0], [10.0, 0.0]])
    point = torch.zeros(40, 2)
    point[:2, 0] = 10.0
    point[2:12, 1] = 0.31
    assert tasks.modes(point, centres, 0.1) == {"modes": 2.0, "good": 75.0}
    point[1, 1] = 0.31
    assert tasks.modes(point, centres, 0.1) == pytest.approx({"modes": 1.0, "good": 72.5})
    assert tasks.modes(torch.full((4, 2), torch.nan), centres, 0.1) == {"modes": 0, "good": 0}


def test_tiles_are_cut_in_their_four_quarters(tasks, tmp_path):
    whole = np.arange(2 * 16, dtype=np.uint16).reshape(2, 4, 4)
    parts = {"n": whole, "step": 0.5, "offset": np.array([1.0, 2.0]), "split": ["train", "val"]}
    np.savez(tmp_path / "whole.npz", **parts)
    with np.load(tasks.quarters(tmp_path / "whole.npz", tmp_path / "cut.npz")) as cut:
        assert np.array_equal(cut["n"][1], whole[0, :2, 2:])
        assert np.array_equal(cut["n"][6], whole[1, 2:, :2])
        assert cut["offset"].tolist() == [1.0] * 4 + [2.0] * 4
        assert cut["split"].tolist() == ["train"] * 4 + ["val"] * 4 and cut["step"] == 0.5


def test_the_distance_of_features_is_zero_of_themselves_and_reads_what_is_missing(tasks):
    rows = np.random.default_rng(0).normal(size=(60, 11))
    assert tasks.feature_mmd(rows, rows[::-1]) == pytest.approx(0, abs=1e-6)
    # Far away rows have kernel zero with real ones and one with themselves.
    flat = np.full((60, 11), np.nan)
    far = tasks.feature_mmd(rows, np.full((60, 11), -1e9))
    assert tasks.feature_mmd(rows, flat) == pytest.approx(far) and far > 1


def test_one_cell_of_the_benchmark_is_trained_and_repeats(load, tasks, tmp_path):
    benchmark = load("objectives")
    task = tasks.PlaneTask("ring8", tasks.FreeRing(rows=256), 3)
    setting = benchmark.SETTINGS["wgan"]
    first, again = (benchmark.trained(task, setting, seed=1) for _ in range(2))
    assert first["points_ring8"] == again["points_ring8"]
    assert benchmark.timed(task, setting, seed=1)["step_ms_ring8"] > 0
    rows = [{"step_ms_terrain": v, "points": []} for v in (3.0, 1.0, 2.0)]
    assert benchmark.summary(rows) == {"step_ms": 2.0, "step_ms_spread": 2.0}
    others = (benchmark.build(task, s, 1) for s in benchmark.SETTINGS.values())
    start = [net.generator.state_dict()["net.0.weight"] for net in others]
    assert all(torch.equal(start[0], weight) for weight in start)


def test_the_autoencoder_scores_its_own_error():
    net = TerrainAutoencoder()
    x = TensorDict({"height": torch.rand(3, 1, 32, 32) * 100}, [3])
    seen = net.prepare(x)
    said = net(x, torch.zeros(3, 0), TensorDict({}, [3]))
    error = sum(
        (said.reconstruction[k] - seen[k]).square().flatten(1).mean(1)
        for k in ("planes", "figures")
    )
    assert torch.allclose(said.score, error) and said.features.shape == (3, net.feature_dim)
