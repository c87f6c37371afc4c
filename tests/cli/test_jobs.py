"""A domain's own job: its fields are options, and wrong ones are one message."""

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest
from calling import call

from physgan.cli import jobs


@dataclass(frozen=True)
class Job:
    size: int
    kind: str | None = field(default=None, metadata={"flag": "--class", "choices": ("a", "b")})
    steep: float = 30.0
    fill: bool = False
    formats: tuple[str, ...] = ("x",)


@pytest.fixture
def answered(monkeypatch, tmp_path):
    """Runs the command line; what the domain was asked is gathered."""
    found = []

    def answer(run, job, seed, out, say):
        say("working")
        out.mkdir()
        (out / "map").write_text("1")
        found.append((job, seed, out))

    class Fields:
        job = Job

    monkeypatch.setattr("physgan.domain.available", lambda: {"fields": lambda: Fields})
    run = SimpleNamespace(domain=SimpleNamespace(answer=answer))
    monkeypatch.setattr("physgan.cli.propose.open_run", lambda name, where: run)
    monkeypatch.chdir(tmp_path)
    return found


def test_fields_become_options(answered, capsys):
    assert call("propose", "fields", "--size", 64, "--class", "b", "--fill", "--seed", 3) == 0
    assert answered == [(Job(64, "b", 30.0, True, ("x",)), 3, Path("proposals/fields_3"))]
    assert "working" in capsys.readouterr().out
    assert (
        call("propose", "fields", "--size", 8, "--formats", "p", "--formats", "q", "--out", "o")
        == 0
    )
    assert answered[1] == (Job(8, formats=("p", "q")), 0, Path("o"))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--size"),
        (["--size", "many"], "valid integer"),
        (["--size", "4", "--class", "c"], "'c'"),
        (["--size", "4", "--target", "relief=3"], "--target"),
    ],
)
def test_wrong_options_are_refused(answered, capsys, arguments, said):
    assert call("propose", "fields", *arguments) == 2
    assert said in capsys.readouterr().err and not answered


def test_a_place_that_is_taken_is_left_alone(answered, capsys):
    Path("o").mkdir()
    Path("o/mine").write_text("mine")
    assert call("propose", "fields", "--size", 4, "--out", "o") == 2
    assert "taken" in capsys.readouterr().err and Path("o/mine").read_text() == "mine"


def test_help_names_the_options_of_the_domain(answered, capsys):
    assert call("propose", "fields", "--help") == 0
    said = capsys.readouterr().out
    assert "--steep" in said and "--class" in said and "--target" not in said


def test_other_domains_keep_the_usual_command(answered):
    assert jobs.job_of("nothing") is None
    assert call("propose", "--help") == 0
