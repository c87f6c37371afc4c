import csv
import json

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from physgan.cli import propose, report
from physgan.design.search import Search, search_rounds
from physgan.design.site_kernel import SiteKernelProcess
from physgan.design.space import TokenSpace
from physgan.errors import InputError

SPACE = TokenSpace(4, 3, letters="abcd", scales=np.arange(4.0)[:, None])


class Words:
    """A domain of words of three letters; late letters are worth more."""

    name = "words"
    stopped_after = None
    asked = 0

    def oracle(self, name=None):
        return None

    def search(self, oracle, run, seed):
        def ask(tokens):
            if Words.stopped_after is not None and Words.asked >= Words.stopped_after:
                raise KeyboardInterrupt
            Words.asked += len(tokens)
            return tokens.sum(axis=1).astype(float)

        return Search(
            SPACE, ask, lambda: SiteKernelProcess(4, SPACE.scales, steps=5), SPACE.spell,
            oracle="sum", notes=("made for a test",),
        )  # fmt: skip

    def write(self, samples, names, folder):
        folder.mkdir(exist_ok=True)
        path = folder / "words.txt"
        path.write_text("\n".join(samples))
        return [path] * len(samples)


@pytest.fixture
def app(monkeypatch, tmp_path):
    app = typer.Typer()
    for command in (propose, report):
        command.register(app)
    monkeypatch.setattr("physgan.domain.load", lambda name: Words())
    monkeypatch.chdir(tmp_path)
    Words.stopped_after, Words.asked = None, 0
    return app


def ask(app, words):
    return CliRunner().invoke(app, ["propose", "words", *words.split(), "--out", "found"])


def test_rounds_leave_log_summary_and_files(app, tmp_path):
    result = ask(app, "--rounds 4 --budget 8 --seed 1")
    assert result.exit_code == 0, result.output
    assert "made for a test" in result.output and "ddd" in result.output
    told = json.loads((tmp_path / "found" / "search.json").read_text())
    assert told["best"][0]["sample"] == "ddd" and told["best"][0]["value"] == 9.0
    assert told["calls"] <= 32 and told["settings"]["method"] == "active"
    with (tmp_path / "found" / "calls.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == told["calls"] == len({row["sample"] for row in rows})
    assert "ddd" in (tmp_path / "found" / "best" / "words.txt").read_text()


def test_after_ctrl_c_the_same_command_goes_on(app, tmp_path):
    Words.stopped_after = 8
    assert ask(app, "--rounds 3 --budget 8 --seed 2").exit_code in (1, 130)
    first = (tmp_path / "found" / "calls.csv").read_text()
    assert first.count("\n") == 9
    Words.stopped_after, Words.asked = None, 0
    assert ask(app, "--rounds 3 --budget 8 --seed 2").exit_code == 0
    assert (tmp_path / "found" / "calls.csv").read_text().startswith(first)
    assert Words.asked <= 16


def test_other_options_do_not_go_on_in_the_same_place(app):
    assert ask(app, "--rounds 1 --budget 4 --seed 2").exit_code == 0
    result = ask(app, "--rounds 1 --budget 4 --seed 3")
    assert isinstance(result.exception, InputError) and "seed=2" in str(result.exception)


@pytest.mark.parametrize(
    "words",
    ["--rounds 1 -t mass=1", "--rounds 1 --no-oracle", "--rounds 1 --method luck",
     "--rounds 1 --method random --apart 2"],
)  # fmt: skip
def test_what_makes_no_sense_in_rounds_is_refused(app, words):
    assert isinstance(ask(app, words).exception, InputError)


def test_a_domain_without_a_search_says_so(app, monkeypatch):
    monkeypatch.delattr(Words, "search")
    assert "no search" in str(ask(app, "--rounds 1").exception)


@pytest.mark.parametrize("method", ["active", "genetic", "random"])
def test_every_method_keeps_the_budget(method):
    search = Words().search(None, None, 0)
    ledger = search_rounds(search, 2, 6, method=method)
    assert 0 < len(ledger) <= 12
