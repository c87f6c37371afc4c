import json
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[1] / "design"))

from rectangles import Rectangle, Rectangles, Run

from physgan.cli import datasets, propose, report
from physgan.conditions import ConditionSchema, Target
from physgan.design import Candidate, Estimate, Proposals
from physgan.errors import InputError


@pytest.fixture
def app():
    app = typer.Typer()
    for command in (datasets, propose, report):
        command.register(app)
    return app


@pytest.fixture
def run(monkeypatch, tmp_path):
    domain = Rectangles()
    schema = ConditionSchema(domain.properties, domain.load(None, "train").batch["y"])
    opened = Run(domain, schema, None, tmp_path)
    monkeypatch.setattr(propose, "open_run", lambda name, where: opened)
    monkeypatch.setattr("physgan.domain.load", lambda name: Rectangles())
    monkeypatch.chdir(tmp_path)
    return opened


def test_table_files_and_notes(app, run, tmp_path):
    words = "propose rectangles -t area=0.5..1.5 --n 3 --no-oracle --seed 5 --out found"
    result = CliRunner().invoke(app, words.split())
    assert result.exit_code == 0, result.output
    assert "note: no oracle has judged" in result.output and "area=0.5..1.5" in result.output
    document = json.loads((tmp_path / "found" / "candidates.json").read_text())
    assert len(document["candidates"]) == 3 and document["settings"]["seed"] == 5
    for row in document["candidates"]:
        assert 0.5 <= row["exact.area"] <= 1.5 and row["label"] in result.output


def test_data_gives_novelty_by_matching(app, run, tmp_path):
    words = "propose rectangles -t area=1 --n 3 --no-oracle --data here --out found"
    result = CliRunner().invoke(app, words.split())
    assert result.exit_code == 0, result.output
    counts = json.loads((tmp_path / "found" / "candidates.json").read_text())["counts"]
    assert counts["novel"] < counts["unique"]  # 1500 training rectangles crowd the square
    assert "novelty is unknown" not in result.output


@pytest.mark.parametrize("words", ["-t mass=1", "-t area=99 --strict", "-t area=a"])
def test_a_wrong_target_is_the_users_to_mend(app, run, tmp_path, words):
    command = ["propose", "rectangles", *words.split(), "--no-oracle", "--out", "found"]
    result = CliRunner().invoke(app, command)
    assert isinstance(result.exception, InputError)
    assert not (tmp_path / "found").exists()


def test_an_unknown_run_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="no run 'nowhere'"):
        propose.find_run("nowhere")
    (tmp_path / "runs" / "here").mkdir(parents=True)
    assert propose.find_run("here") == Path("runs/here")


def test_summary_shows_interval_and_verified_value():
    target = Target("strength", "value", 2.0, 2.0)
    candidate = Candidate("candidate-001", "1.0x1.0", Rectangle(1, 1), 0, 0, rank=1)
    candidate.predicted = {"strength": Estimate(1.9, 0.1, 1.7, 2.1)}
    candidate.verified = {"strength": 2.0}
    proposals = Proposals("rectangles", (target,), [candidate], {}, "press", 0.9)
    cells = [list(column.cells) for column in propose.summary(proposals).columns]
    assert cells == [["1"], ["1.0x1.0"], ["1.9 (1.7 to 2.1)"], ["2"], ["?"]]


def test_report_writes_the_page_into_the_run(app, tmp_path):
    (tmp_path / "metrics.csv").write_text("step,loss\n1,2\n2,1\n")
    result = CliRunner().invoke(app, ["report", str(tmp_path)])
    assert result.exit_code == 0, result.output
    assert "<svg" in (tmp_path / "report.html").read_text()


def test_datasets_lists_the_cards(app, monkeypatch):
    class Carded(Rectangles):
        def cards(self):
            return [{"name": "yard", "rows": 1500, "licence": "CC0", "description": "sides"}]

    monkeypatch.setattr("physgan.domain.available", lambda: {"rectangles": Carded})
    monkeypatch.setattr("physgan.domain.load", lambda name: Carded())
    result = CliRunner().invoke(app, ["datasets"])
    assert result.exit_code == 0 and "yard" in result.output and "CC0" in result.output
