"""physgan evaluate terrain: a run's samples and a folder of maps against held-out tiles."""

import json

import numpy as np
import pytest
import torch

from physgan.cli import main
from physgan.conditions import ConditionSchema
from physgan.errors import InputError
from physgan_terrain.domain import TerrainDomain
from physgan_terrain.evaluation import evaluate_terrain
from physgan_terrain.heightmap import Heightmap


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Forty tiles each of smooth hills and rough mountains; a quarter is held out."""
    rng = np.random.default_rng(0)
    i, j = np.mgrid[:64, :64] / 64
    tiles = []
    for n in range(80):
        a, b, c = rng.uniform(0, 3, 3)
        z = 900 + (80, 300)[n % 2] * np.sin(2 * np.pi * (a * i + b * j + c))
        tiles.append(z + rng.normal(0, (1, 9)[n % 2], z.shape))
    path = tmp_path_factory.mktemp("tiles") / "tiles.npz"
    np.savez(
        path, n=np.rint(np.array(tiles) / 0.5).astype(np.uint16), step=0.5, offset=np.zeros(80),
        cell=90.0, label=np.array(["hills", "mountain"] * 40),
        split=np.array(["train"] * 60 + ["val"] * 20),
    )  # fmt: skip
    return path


@pytest.fixture(scope="module")
def loaded(archive):
    domain = TerrainDomain()
    train, val = (domain.load(archive, split) for split in ("train", "test"))
    return domain, train, val


def test_real_tiles_are_indistinguishable_from_themselves(loaded, tmp_path):
    domain, train, val = loaded
    real = val.context["samples"]
    rows = tmp_path / "given.csv"
    found = evaluate_terrain(
        domain, real, real, train=train.context["samples"], rows=rows, trees=30
    )
    assert found["two_sample_auc"] <= 0.5
    assert found["class_accuracy_over_ceiling"] == pytest.approx(1)
    assert found["fill_ratio"] == pytest.approx(1, abs=0.5)
    assert len(rows.read_text().splitlines()) == 1 + 2 * len(real)
    assert set(json.loads(rows.with_suffix(".json").read_text())) == {"hills", "mountain"}


def test_samples_are_of_the_class_that_was_asked(loaded):
    domain, train, val = loaded
    real = val.context["samples"]
    bare = [Heightmap(sample.z, sample.cell) for sample in real]
    places = torch.tensor([domain.classes.index(sample.label) for sample in real])
    swapped = [{"hills": "mountain", "mountain": "hills"}[sample.label] for sample in real]
    wrong = torch.tensor([domain.classes.index(name) for name in swapped])
    known = train.context["samples"]
    right = evaluate_terrain(domain, bare, real, train=known, asked={"class": places}, trees=30)
    other = evaluate_terrain(domain, bare, real, train=known, asked={"class": wrong}, trees=30)
    assert right["slope_w1_worst_class"] < other["slope_w1_worst_class"]
    assert right["class_accuracy"] >= 0.9 and other["class_accuracy"] <= 0.1


def test_cells_of_another_size_are_refused(loaded):
    domain, _, val = loaded
    coarse = [Heightmap(val.context["samples"][0].z, 30.0)]
    with pytest.raises(InputError, match="cells of 30 m"):
        evaluate_terrain(domain, coarse, val.context["samples"])


def test_nobody_asking_gets_every_class_with_the_limits_of_real_tiles(loaded):
    domain, train, _ = loaded
    schema = ConditionSchema(domain.properties, train.batch["y"])
    condition, given = domain.ordinary(schema, 40)
    values = schema.values(condition)
    assert values["class"].bincount()[values["class"].unique()].tolist() == [20, 20]
    real = train.batch["given", "limit"]
    assert torch.isin(given["limit"], real).all()
    relief = values["relief"][:, None] - train.batch["y", "relief"][None]
    assert relief.abs().amin(dim=1).max() < 0.5


def test_a_folder_of_maps_is_scored_by_the_command(archive, tmp_path):
    with np.load(archive) as held:
        chosen = held["split"] == "val"
        tiles, labels = held["n"][chosen] * 0.5, held["label"][chosen]
    maps = tmp_path / "maps"
    for row, (z, label) in enumerate(zip(tiles, labels, strict=True)):
        (maps / str(label)).mkdir(parents=True, exist_ok=True)
        np.save(maps / str(label) / f"{row}.npy", z.astype(np.float32))
        sidecar = maps / str(label) / f"{row}.json"
        sidecar.write_text(json.dumps({"cell": 90.0}))
    out = tmp_path / "figures"
    with pytest.raises(SystemExit) as stopped:
        main(["evaluate", "terrain", str(maps), "--data", str(archive), "--out", str(out),
              "--option", "trees=30"])  # fmt: skip
    assert stopped.value.code == 0
    figures = json.loads((out / "summary.json").read_text())["given"]
    assert figures["n"] == 20 and figures["two_sample_auc"] <= 0.5
