"""``--option`` is held against the function that is to take it, before anything is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest
from calling import call

from physgan import domain as domains
from physgan.cli.options import OWN, fitting, parse_options
from physgan.errors import InputError

if TYPE_CHECKING:
    from somewhere import Unknown


def judge(
    domain: Any, samples: Any, *, seed: int = 0, seeds: Sequence[int] = (9,),
    work: Path | None = None, films: Literal["dark", "bright"] = "dark", run: Unknown | None = None,
) -> None:  # fmt: skip
    """Takes typed keywords, and one whose type is not known at run time."""


def test_values_become_what_the_annotations_say() -> None:
    told = parse_options(["seeds=[1, 2]", "work=some/where", "films=bright", "run=anything"])
    found = fitting(told, judge)
    assert found == {
        "seeds": [1, 2], "work": Path("some/where"), "films": "bright", "run": "anything",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("sedes=[1]", "did you mean 'seeds'"),
        ("seeds=[1.5]", "seeds ="),
        ("films=grey", "'dark' or 'bright'"),
        ("samples=3", "unknown option 'samples'"),
        ("seed=3", "unknown option 'seed'"),
    ],
)
def test_what_does_not_fit_is_refused(setting: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        fitting(parse_options([setting]), judge, OWN)
    assert said in str(caught.value)


def test_whoever_takes_anything_gets_it() -> None:
    assert fitting({"x": 1}, None) == {"x": 1}
    assert fitting({"x": 1}, lambda **told: told) == {"x": 1}


@pytest.mark.parametrize("name", ["crystal", "protein", "terrain", "foam"])
def test_domains_say_what_they_take(name: str) -> None:
    with pytest.raises(InputError, match="unknown option 'nothing'"):
        fitting({"nothing": 1}, domains.load(name).evaluator(), OWN)


@pytest.mark.parametrize(
    "command",
    [["evaluate", "foam", "--option", "sedes=[9]"], ["rollout", "foam", "--option", "siez=64"]],
)
def test_commands_stop_at_an_unknown_option(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert call(*command, "--out", out) == 2
    said = capsys.readouterr().err
    assert "unknown option" in said and "did you mean" in said
    assert not out.exists()
