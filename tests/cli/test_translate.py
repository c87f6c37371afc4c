"""A pair of domains from the command line alone: listed, trained, resumed, translated, refused."""

from __future__ import annotations

import csv
import json
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from calling import call
from tensordict import TensorDict
from torch import Tensor

from physgan import domain as domains
from physgan.conditions import ConditionSchema
from physgan.cores.translator import Translator
from physgan.domain import Data
from physgan.errors import InputError
from physgan.pair import Pair
from physgan.run import Run
from physgan.testing import GaussianRing
from physgan.translate import translate

INSTALLED = domains.entry_points


class Points(GaussianRing):
    """A ring whose data are a file of points, and that reads folders of samples."""

    name = "points"

    def load(self, path: Path | None, split: str, properties: Any = ()) -> Data:
        if path is None:
            return super().load(path, split, properties)
        rows = torch.from_numpy(np.loadtxt(path, delimiter=",", dtype=np.float32))
        rows = rows[:-4] if split == "train" else rows[-4:]
        parts = {"x": {"point": rows}, "y": {}, "given": {}}
        return Data(TensorDict(parts, [len(rows)]), [str(i) for i in range(len(rows))])

    def ordinary(self, schema: ConditionSchema, n: int) -> tuple[Tensor, TensorDict]:
        """Asks for radii, and gives a number."""
        return schema({"radius": torch.rand(n)}), TensorDict({"number": torch.arange(n)}, [n])

    def evaluate(self, samples: Any, reference: Any, **options: Any) -> dict[str, Any]:
        """What was told: rows of each kind, and whether they are inside the ring's limit."""
        if "fail" in options:
            raise InputError("asked to fail")
        inside = max(float(np.linalg.norm(s)) for s in samples) <= self.limit + 1e-6
        sizes = {"n": len(samples), "reference": len(reference), "train": len(options["train"])}
        return {**sizes, "inside": inside, "modes": self.modes, "told": options.get("told", 0)}

    def read_samples(self, folder: Path) -> list[np.ndarray]:
        files = sorted(folder.glob("*.csv"))
        return [np.loadtxt(f, delimiter=",", dtype=np.float32) for f in files]


@pytest.fixture(autouse=True)
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the installed domains a plug-in called ``points``."""
    ours = EntryPoint("points", f"{__name__}:Points", domains.ENTRY_POINT_GROUP)
    monkeypatch.setattr(EntryPoint, "load", _load)
    monkeypatch.setattr(domains, "entry_points", lambda group: [*INSTALLED(group=group), ours])


LOAD = EntryPoint.load


def _load(point: EntryPoint) -> Any:
    return Points if point.name == "points" else LOAD(point)


SETTINGS = [
    "--set", "domain.a=points", "--set", "domain.b=points", "--set", "domain.b_options.modes=3",
    "--set", "batch_size=8", "--set", "accelerator=cpu",
]  # fmt: skip


@pytest.fixture
def data(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    (tmp_path / "data").mkdir()
    for side, rows in (("a", 20), ("b", 30)):
        np.savetxt(tmp_path / f"data/{side}.csv", random.normal(size=(rows, 2)) / 4, delimiter=",")
    return tmp_path / "data"


def train(folder: Path, *arguments: Any, steps: int = 3) -> int:
    return call("train", "pair", *arguments, *SETTINGS, "--steps", steps, "--out", folder)


def test_the_pair_is_listed_with_what_it_needs(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert call("domains") == 0
    (line,) = [row for row in capsys.readouterr().out.splitlines() if " pair " in row]
    assert "--set domain.a=NAME --set domain.b=NAME" in line


@pytest.mark.parametrize("core", ["cycle-gan", "augmented-cycle-gan"])
def test_from_two_files_to_translated_files(
    core: str, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "run", tmp_path / "out"
    assert train(folder, data, "--core", core) == 0
    run = Run.open(folder)
    assert run.config.core == core and isinstance(run.domain, Pair)
    assert set(run.config.checksums) == {"a.csv", "b.csv"}
    assert call("train", "--resume", "--steps", 5, "--out", folder) == 0
    assert call("report", folder) == 0 and (folder / "report.html").exists()
    capsys.readouterr()
    assert call("translate", folder, "--variants", 2, "--out", out) == 0
    assert "8 translated to the side b" in capsys.readouterr().out
    names = [f"val-{i:04d}-{k}" for i in range(1, 5) for k in (1, 2)]
    assert [p.stem for p in sorted((out / "made").iterdir())] == names
    held = np.loadtxt(data / "a.csv", delimiter=",", dtype=np.float32)[-4:]
    for row, name in enumerate(names):
        assert np.allclose(np.loadtxt(out / f"source/{name}.csv", delimiter=","), held[row // 2])
    table = list(csv.DictReader((out / "translations.csv").open()))
    assert [row["name"] for row in table] == names
    made = np.stack([np.loadtxt(out / f"made/{n}.csv", delimiter=",") for n in names])
    for row, point in zip(table, made, strict=True):
        assert row["made"] == f"({point[0]:.3f}, {point[1]:.3f})"
        assert float(row["laws.beyond"]) == 0, "every projection of the target was applied"
    page = (out / "translations.html").read_text()
    assert page.count("<img") == 16
    again = translate(Run.open(folder), variants=2)
    assert np.allclose(np.stack([t.made for t in again.found]), made, atol=1e-6)
    assert not np.allclose(made[0::2], made[1::2]), "variants differ"


def test_a_folder_of_native_files_is_translated_the_other_way(data: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "run", tmp_path / "out"
    assert train(folder, data) == 0
    (tmp_path / "new").mkdir()
    for name, point in (("one", [0.1, 0.2]), ("two", [0.3, -0.4])):
        np.savetxt(tmp_path / f"new/{name}.csv", [point], delimiter=",")
    assert call("translate", folder, tmp_path / "new", "--to", "a", "--out", out) == 0
    source = [np.loadtxt(p, delimiter=",") for p in sorted((out / "source").iterdir())]
    assert np.allclose(source, [[0.1, 0.2], [0.3, -0.4]])
    assert call("translate", folder, "-n", 3, "--out", out) == 0, "translations are replaced"
    assert len(list((out / "made").iterdir())) == 3


def test_the_translator_of_the_side_is_used(data: Path, tmp_path: Path) -> None:
    """To b is G_ab, to a is G_ba: biases tell them apart."""
    assert train(tmp_path / "run", data) == 0
    run = Run.open(tmp_path / "run")
    for name, far in (("generator_ab", 5.0), ("generator_ba", -5.0)):
        network = getattr(run.core, name)
        assert isinstance(network, Translator)
        last: Any = network.generator.net[-1]  # type: ignore[index]
        last.weight.data.zero_()
        last.bias.data = torch.tensor([far, 0.0, -20.0, -20.0])
    assert all(t.made[0] > 0.9 for t in translate(run, to="b").found)
    assert all(t.made[0] < -0.9 for t in translate(run, to="a").found)


def test_both_sides_are_evaluated_unless_one_is_named(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, out = tmp_path / "run", tmp_path / "figures"
    assert train(folder, data) == 0
    told = ["--option", "told=1", "--option", "b.told=2"]
    assert call("evaluate", "pair", folder, "-n", 3, "--out", out, *told) == 0
    found = json.loads((out / "summary.json").read_text())
    rows = {"translated": 3, "undecodable": 0, "n": 3, "reference": 4, "inside": True}
    assert found == {
        "a": {**rows, "train": 16, "modes": 8, "told": 1},
        "b": {**rows, "train": 26, "modes": 3, "told": 2},
    }
    assert (
        call("evaluate", "pair", folder, "--side", "b", "--out", out, "--option", "a.fail=1") == 0
    )
    assert list(json.loads((out / "summary.json").read_text())) == ["b"]
    capsys.readouterr()
    for arguments, said in (
        (["--side", "c"], "no side 'c'"),
        (["--tier", "raw"], "after every projection"),
        (["--data", tmp_path / "gone"], "no such data"),
    ):
        assert call("evaluate", "pair", folder, *arguments, "--out", out) == 2
        assert said in capsys.readouterr().err
    assert call("evaluate", "crystal", "--side", "a", "--out", out) == 2
    assert "has sides" in capsys.readouterr().err


def test_what_is_missing_is_one_clear_error(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"

    def refused(*arguments: Any) -> str:
        assert call(*arguments) == 2
        return capsys.readouterr().err

    assert "side 'a'" in refused("train", "pair", "--out", folder)
    said = refused("train", "pair", "--set", "domain.a=points", "--out", folder)
    assert "side 'b'" in said and "--set domain.b=NAME" in said
    assert "nowhere" in refused("train", "pair", "--set", "domain.a=nowhere", "--out", folder)
    (data / "b.csv").rename(data / "c.csv")
    assert "side 'b'" in refused("train", "pair", data, *SETTINGS, "--out", folder)
    assert not folder.exists()
    (data / "c.csv").rename(data / "b.csv")
    assert train(folder, data) == 0
    capsys.readouterr()
    assert "physgan translate" in refused("propose", "pair", "--run", folder)
    assert "no trained run" in refused("propose", "pair")
    assert "no side 'c'" in refused("translate", folder, "--to", "c")
    assert "no such data" in refused("translate", folder, tmp_path / "gone")
    assert "val or test" in refused("translate", folder, "--split", "train")
    assert "no translations" in refused("translate", folder, "--out", data)
    (data / "a.csv").rename(data / "d.csv")
    assert "side 'a'" in refused("translate", folder, "--out", tmp_path / "out")
    single = tmp_path / "single"
    told = ["--core", "physics-gan", "--steps", 1, "--predictor-minutes", 0, *SETTINGS[-4:]]
    assert call("train", "points", *told, "--out", single) == 0
    capsys.readouterr()
    assert "translates nothing" in refused("translate", single)


def test_a_pair_of_python_objects_needs_both_sides_only_when_it_is_used() -> None:
    pair = Pair(GaussianRing())
    assert pair.recommended()["core"] == "cycle-gan"
    with pytest.raises(InputError, match="side 'b'"):
        pair.load(None, "train")
