"""Mistakes in options of a run are told before anything is written, and most before data load."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from calling import call

from physgan import domain as domains
from physgan.run import Run
from physgan.testing.gaussians import GaussianRing

SMALL = ["-s", "domain.rows=64", "-s", "core.latent_dim=2", "-s", "batch_size=16",
         "-s", "accelerator=cpu", "--steps", "1", "--predictor-minutes", "0"]  # fmt: skip


@pytest.fixture(autouse=True)
def ring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(domains, "load", lambda name, **options: GaussianRing(**options))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-s", "core.n_critic=2.5"], "core.n_critic"),
        (["-s", "core.spectral_norm=maybe"], "core.spectral_norm"),
        (["-s", "core.objective_constants=3"], "core.objective_constants"),
        (["-s", "core.adversarial=0", "--objective", "began"], "core.objective"),
        (["--objective", "ebgan", "-s", "core.objective_constants.margin=inf"], "finite"),
        (["-s", "core.augmentation_constants.adaptive=true"], "without an augmentation"),
        (["--robust", "0.1"], "no predictor is trained"),
    ],
)
def test_options_are_refused_before_data_are_read(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(GaussianRing, "load", lambda *a, **k: pytest.fail("read"))
    assert call("train", "ring", *SMALL, *arguments, "--out", tmp_path / "run") == 2
    assert said in capsys.readouterr().err and not (tmp_path / "run").exists()


@pytest.mark.parametrize("core", ["vae-gan", "physics-gan", "bigan"])
@pytest.mark.parametrize(
    ("key", "cure"),
    [
        ("augmentation=diffaugment", "core.augmentation=domain"),
        ("regularizer=consistency", "core.regularizer_constants.transform=domain"),
    ],
)
def test_a_transform_that_finds_no_field_is_refused_before_the_folder_is_written(
    core: str, key: str, cure: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", "ring", *SMALL, "--core", core, "--out", tmp_path / "run"]
    assert call(*words, "-s", f"core.{key}") == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "found no field" in said and cure in said and not (tmp_path / "run").exists()


def test_robust_training_is_refused_where_nothing_is_predicted(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("physgan.predictors.fit.predicted_properties", lambda *a: [])
    words = ["train", "ring", *SMALL[:-2], "--predictor-minutes", "1", "--robust", "0.1"]
    assert call(*words, "--out", tmp_path / "run") == 2
    assert "no predictor is trained" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_run_begins_with_the_weights_of_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    assert call("train", "ring", "-p", "radius", "--steps", 3, "--out", first, *SMALL) == 0
    asked = ["train", "ring", "-p", "radius", "--steps", 1, "--out", second, "--weights"]
    assert call(*asked, first, *SMALL, "-s", "lr=1e-12", "-s", "seed=5") == 0
    assert "tensors taken over" in capsys.readouterr().err
    one, two = (Run.open(run).sample(4, seed=1)["point"] for run in (first, second))
    assert torch.allclose(one, two, atol=1e-4)
    assert f"| begun with | {first.name} |" in (second / "card.md").read_text()
    again = ["--out", second, "--resume", "--weights", first, "--steps", 2]
    assert call("train", *again) == 2
    assert "a run goes on with its own weights" in capsys.readouterr().err


@pytest.mark.parametrize("weights", ["ready", "nowhere"])
def test_weights_that_are_not_there_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], weights: str
) -> None:
    out = tmp_path / "run"
    asked = ["train", "ring", "-p", "radius", "--steps", 1, "--out", out, "--weights", weights]
    assert call(*asked, *SMALL) == 2
    said = capsys.readouterr().err
    assert "ships no trained run" in said or "no such model file" in said
    assert not out.exists()
