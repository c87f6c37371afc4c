from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console
from tensordict import TensorDict
from torch import Tensor, nn

from physgan import cores
from physgan import domain as domains
from physgan.conditions import ConditionSchema, Target, parse_target
from physgan.cores.base import Core, Draw, Loss, Turn
from physgan.domain import Data, Domain
from physgan.errors import InputError
from physgan.run import Run
from physgan.testing.gaussians import GaussianRing
from physgan.training.config import RunConfig
from physgan.training.progress import Reporter


class Regression(Core):
    """Learns the mean point of a condition; enough to have weights, an average and samples."""

    averaged = ("generator",)

    def __init__(self, domain: Domain, schema: ConditionSchema, width: int = 8) -> None:
        super().__init__()
        self.schema = schema
        self.generator = nn.Sequential(nn.Linear(schema.dim, width), nn.Tanh(), nn.Linear(width, 2))

    @property
    def players(self) -> Mapping[str, nn.Module]:
        return {"generator": self.generator}

    def _loss(self, batch: TensorDict) -> Tensor:
        return (self.generator(self.schema(batch["y"])) - batch["x", "point"]).square().mean()

    def turns(self, draw: Draw, step: int) -> Iterator[Turn]:
        yield Turn((Loss(self._loss(draw()), ("generator",)),), ("generator",))

    def sample(self, condition: Tensor, given: TensorDict) -> TensorDict:
        point = self.generator(condition) + 0.1 * torch.randn(len(condition), 2)
        return TensorDict({"point": point}, [len(condition)])

    def validation_loss(self, batch: TensorDict) -> dict[str, Tensor]:
        return {"mse": self._loss(batch)}


class Ring(GaussianRing):
    """Writes down a refused row, and gives samples keys."""

    def load(self, path: Path | None, split: str, properties: Any = ()) -> Data:
        data = super().load(path, split, properties)
        return Data(data.batch, data.ids, [(f"{split} row 7", "not a point")])

    def key(self, sample: Any) -> str:
        return f"{float(sample[0]):.6f}"


@pytest.fixture(autouse=True)
def toy_world(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cores.CORES, "regression", Regression)
    monkeypatch.setattr(domains, "load", lambda name, **options: Ring(**options))


def config(**changes: Any) -> RunConfig:
    trainer = {"steps": 12, "batch_size": 64, "lr": 1e-2, "log_every": 4, "checkpoint_every": 6,
               "validate_every": 6, "accelerator": "cpu", "schedule": "constant"}  # fmt: skip
    values = {"domain": "ring", "core": "regression", "domain_options": {"rows": 256}, **changes}
    return RunConfig.from_dict({**values, "trainer": trainer | changes.get("trainer", {})})


def quiet() -> Reporter:
    return Reporter(Console(file=io.StringIO(), force_terminal=False))


@pytest.fixture
def trained(tmp_path: Path) -> Run:
    run = Run.start(tmp_path / "run", config())
    assert run.train(reporter=quiet()).reason == "steps"
    return run


def mode(run: Run, label: str) -> Target:
    return parse_target(f"mode={label}", run.schema.properties)


def test_an_opened_run_samples_what_the_trained_one_does(trained: Run) -> None:
    opened = Run.open(trained.folder)
    assert opened.config == trained.config
    assert torch.equal(opened.schema.quantiles, trained.schema.quantiles)
    for targets in ((), (mode(trained, "3"),)):
        one, two = (r.sample(20, targets, seed=4)["point"] for r in (trained, opened))
        assert torch.equal(one, two)
    assert not torch.equal(opened.sample(20, seed=5)["point"], one)
    assert not any(p.requires_grad for p in opened.core.parameters())


def test_samples_come_from_the_average_and_aim_at_the_target(tmp_path: Path) -> None:
    options = {"steps": 300, "ema_decay": 0.9, "log_every": 100}
    run = Run.start(tmp_path / "run", config(trainer=options))
    run.train(reporter=quiet())
    drawn = Run.open(run.folder).sample(200, [mode(run, "2")], seed=1)["point"].mean(0)
    assert (drawn - torch.tensor([0.0, 1.0])).norm() < 0.3
    from physgan.training.checkpoint import read_model

    tensors, _ = read_model(run.folder / "model.safetensors")
    name = "generator.0.weight"
    assert torch.equal(run.core.state_dict()[name], tensors[f"ema.{name}"])
    assert not torch.equal(tensors[name], tensors[f"ema.{name}"])


def test_what_is_asked_is_told_in_the_same_order_as_samples_come(trained: Run) -> None:
    condition, given = trained.ask(6, [mode(trained, "3")], seed=4)
    assert given["asked", "mode"].tolist() == [3] * 6
    free, nothing = trained.ask(6, seed=4)
    assert torch.equal(trained.schema.values(free)["mode"], nothing["asked", "mode"])
    assert condition.shape == free.shape


def test_sampling_leaves_the_global_random_state_alone(trained: Run) -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    trained.sample(5, seed=9)
    assert torch.equal(torch.rand(1), expected)
    with pytest.raises(InputError, match="cannot draw 0 samples"):
        trained.sample(0)


def test_the_folder_tells_the_whole_story(trained: Run) -> None:
    files = {path.name for path in trained.folder.iterdir()}
    assert files >= {"config.toml", "model.safetensors", "best.safetensors", "metrics.csv",
                     "card.md", "domain.json", "domain.safetensors", "train_keys.npy",
                     "refused.csv", "checkpoints"}  # fmt: skip
    card = (trained.folder / "card.md").read_text()
    for said in ("| train rows | 256 |", "| refused rows | 2 |", "| seed | 0 |", "val/mse",
                 "physgan train --config", "| steps | 12 |"):  # fmt: skip
        assert said in card
    assert "train row 7,not a point" in (trained.folder / "refused.csv").read_text()


def test_training_keys_are_hashes_of_the_domain_keys(trained: Run) -> None:
    keys = np.load(trained.folder / "train_keys.npy", allow_pickle=False)
    assert keys.dtype == np.uint64 and len(keys) == 256
    assert trained.data is not None
    sample = trained.domain.decode(trained.data["train"].batch["x"][:1])[0]
    digest = hashlib.sha256(trained.domain.key(sample).encode()).digest()
    assert int.from_bytes(digest[:8], "little") in keys


def test_a_resumed_run_ends_as_the_unbroken_one(trained: Run, tmp_path: Path) -> None:
    other = Run.start(tmp_path / "other", config())
    assert other.train(reporter=quiet(), until=7).reason == "interrupted"
    assert not (other.folder / "card.md").exists()
    again = Run.resume(other.folder)
    assert again.train(reporter=quiet()).step == 12
    assert torch.equal(again.sample(9)["point"], trained.sample(9)["point"])
    longer = Run.resume(other.folder, ["steps=15"])
    assert longer.train(reporter=quiet()).step == 15
    assert Run.open(other.folder).config.trainer.steps == 15


@pytest.mark.parametrize("half", [False, True])
def test_an_export_is_small_complete_and_names_no_path(
    trained: Run, tmp_path: Path, half: bool
) -> None:
    folder = trained.export(tmp_path / "release", half=half)
    names = {path.name for path in folder.iterdir()}
    assert names == {"model.safetensors", "config.toml", "domain.json", "domain.safetensors",
                     "train_keys.npy", "card.md", "metrics.csv"}  # fmt: skip
    one, two = trained.sample(8)["point"], Run.open(folder).sample(8)["point"]
    assert torch.allclose(one, two, atol=2e-3 if half else 0)
    sizes = [(f / "model.safetensors").stat().st_size for f in (trained.folder, folder)]
    assert sizes[1] < sizes[0]


def test_data_are_checked_when_a_run_is_resumed(tmp_path: Path) -> None:
    data = tmp_path / "points.csv"
    data.write_text("1")
    run = Run.start(tmp_path / "run", config(data=str(data)))
    assert run.config.checksums == {"points.csv": hashlib.sha256(b"1").hexdigest()}
    run.train(reporter=quiet(), until=2)
    data.write_text("2")
    with pytest.raises(InputError, match=r"points.csv: the data have changed"):
        Run.resume(run.folder)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"core": "regresion"}, "did you mean 'regression'"),
        ({"properties": ["mod"]}, "did you mean 'mode'"),
        ({"data": "/no/such/file"}, "no such data"),
        ({"domain_options": {"moods": 3}}, "cannot take this.*moods"),
    ],
)
def test_mistakes_are_named_before_anything_is_written(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        Run.start(tmp_path / "run", config(**changes))
    assert not (tmp_path / "run").exists()


def test_a_run_is_not_started_twice_in_a_folder(trained: Run) -> None:
    with pytest.raises(InputError, match="already holds a run"):
        Run.start(trained.folder, config())


def test_a_folder_that_is_no_run(tmp_path: Path, trained: Run) -> None:
    with pytest.raises(InputError, match="there is no run here"):
        Run.open(tmp_path)
    with pytest.raises(InputError, match="opened without its data"):
        Run.open(trained.folder).train()
    (trained.folder / "domain.json").write_text("{")
    with pytest.raises(InputError, match="state of the domain cannot be read"):
        Run.open(trained.folder)


def test_foreign_and_damaged_weights_are_refused(trained: Run) -> None:
    folder = trained.folder
    text = (folder / "config.toml").read_text()
    (folder / "config.toml").write_text(text.replace('domain = "ring"', 'domain = "rung"'))
    with pytest.raises(InputError, match=r"model.safetensors: these weights are of .*ring"):
        Run.open(folder)
    narrow = text.replace("[core_options]", "[core_options]\nwidth = 9")
    (folder / "config.toml").write_text(narrow)
    with pytest.raises(InputError, match="the weights do not fit"):
        Run.open(folder)
    (folder / "config.toml").write_text(text)
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"model.safetensors: this model file is damaged"):
        Run.open(folder)


def test_no_class_is_pickled(trained: Run) -> None:
    json.loads((trained.folder / "domain.json").read_text())
    assert not list(trained.folder.rglob("*.pkl"))
    for path in trained.folder.rglob("trainer.pt"):
        assert torch.load(path, weights_only=True)["step"] in (6, 12)


def test_without_a_predictor_there_is_none(trained: Run) -> None:
    assert trained.predictor() is None
