"""physgan audit on the ring: a table, a verdict, audit.json and a page."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from physgan import domain as domains
from physgan.cli import main
from physgan.run import Run
from physgan.testing import GaussianRing
from physgan.training.config import RunConfig
from physgan.training.progress import Reporter


@pytest.fixture(autouse=True)
def ring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(domains, "load", lambda name, **options: GaussianRing(**options))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    values = {
        "domain": "ring",
        "core": "physics-gan",
        "domain_options": {"rows": 128},
        "core_options": {"latent_dim": 2},
        "trainer": {"steps": 3, "batch_size": 32, "accelerator": "cpu"},
    }
    run = Run.start(tmp_path / "run", RunConfig.from_dict(values))
    run.train(reporter=Reporter(Console(file=io.StringIO(), force_terminal=False)))
    return run.folder


def call(*arguments: Any) -> int:
    with pytest.raises(SystemExit) as leaving:
        main(["audit", *map(str, arguments)])
    return int(leaving.value.code or 0)


def test_it_prints_and_writes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(folder, "-n", 64, "--latents", 2, "--eps", 0.1) == 0
    said = capsys.readouterr().out
    assert "separation" in said and "coverage" in said and "fgsm inf, eps 0.1" in said
    assert "no predictor" in said
    figures = json.loads((folder / "audit.json").read_text())
    assert figures["settings"]["eps"] == 0.1 and figures["findings"]
    for finding in figures["findings"]:
        assert finding["good"] or finding["change"], "what is to be mended says how"
    page = (folder / "audit.html").read_text()
    assert page.count("<img") == 6 and "Verdict" in page


def test_leaves_are_chosen_by_name(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(folder, "-n", 32, "--latents", 0, "--leaf", "point", "--leaf", "point") == 0
    assert json.loads((folder / "audit.json").read_text())["settings"]["leaves"] == ["point"] * 2
    assert call(folder, "-n", 32, "--leaf", "line") == 2
    assert "one of point" in capsys.readouterr().err


def test_it_writes_elsewhere_when_told(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "apart"
    assert call(folder, "-n", 32, "--latents", 0, "--out", out) == 0
    assert {p.name for p in out.iterdir()} == {"audit.json", "audit.html"}
    assert not (folder / "audit.json").exists()


def test_data_that_are_not_there_are_one_clear_error(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(folder, "--data", tmp_path / "none.csv") == 2
    assert "none.csv" in capsys.readouterr().err
    assert call("no-such-run") == 2
