"""Rounds whose generator learns from the oracle's answers, on tokens and on anything."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from calling import call

from physgan.design.ledger import Ledger
from physgan.design.retrain import Retrained
from physgan.design.space import TokenSpace
from physgan.domain import Oracle
from physgan.errors import InputError
from physgan.run import Run

LETTERS = "ACDE"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("retrain")
    draw = np.random.default_rng(0)
    words = {"".join(row) for row in draw.choice(list(LETTERS), (240, 6))}
    rows = [
        f"{word},{word.count('E') + 0.01 * i / 240:.4f}" for i, word in enumerate(sorted(words))
    ]
    (folder / "words.csv").write_text("\n".join(["sequence,fitness", *rows]) + "\n")
    (folder / "counter.py").write_text(
        "def value(words):\n"
        "    return [float('nan') if w[0] == 'D' else w.count('E') for w in words]\n"
    )
    small = ["-s", "core.network.width=32", "-s", "batch_size=32", "-s", "accelerator=cpu",
             "-s", "checkpoint_every=10000", "--predictor-minutes", 0]  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(str(folder))
        told = ["train", "protein", "words.csv", "-p", "fitness", "--steps", 60, "--threads", 1]
        assert call(*told, *small, "--out", "run") == 0
        yield folder
    sys.modules.pop("counter", None)


WORDS = ["propose", "protein", "--judge", "python:counter:value", "--method", "active",
         "--rounds", 2, "--budget", 6]  # fmt: skip


def test_the_generator_learns_between_rounds_and_a_stopped_search_ends_the_same(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (run / "run" / "model.safetensors").read_bytes()
    told = [*WORDS, "--run", "run", "--retrain", 3]
    assert call(*told, "--out", "whole") == 0
    assert "generator: 3 steps with" in capsys.readouterr().out
    assert (run / "run" / "model.safetensors").read_bytes() == before
    summary = json.loads((run / "whole" / "search.json").read_text())
    assert summary["settings"]["retrain"] == 3 and summary["calls"] == 12
    log = (run / "whole" / "calls.csv").read_text()
    (run / "part").mkdir()
    begun = {"settings": {k: v for k, v in summary["settings"].items() if k != "rounds"}}
    (run / "part" / "search.json").write_text(json.dumps(begun))
    (run / "part" / "calls.csv").write_text("".join(log.splitlines(keepends=True)[:7]))
    assert call(*told, "--out", "part") == 0
    assert (run / "part" / "calls.csv").read_text() == log


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([*WORDS, "--retrain", 2], "needs a run"),
        (["propose", "protein", "--run", "run", "--retrain", 2], "goes with --rounds"),
        ([*WORDS, "--run", "run", "--retrain", 2, "--method", "random"], "nothing to train again"),
    ],
)
def test_what_cannot_learn_is_one_message(
    arguments: list[Any], said: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(*arguments, "--out", "none") == 2
    error = " ".join(capsys.readouterr().err.split())
    assert said in error and "Traceback" not in error


def test_measured_rows_pull_the_generator_and_it_begins_anew_each_time(run: Path) -> None:
    class Counter(Oracle):
        name, properties = "counter", ("fitness",)

        def judge(self, samples: Any) -> list[dict[str, Any]]:
            return [{"fitness": s.count("E")} for s in samples]

    opened = Run.resume(run / "run")
    space = TokenSpace(4, 6, letters=LETTERS)
    ledger = Ledger(lambda t: (t == 3).sum(axis=1).astype(float), space)
    ledger.ask(space.read(["EEEEEE", "EEEEEA", "EEEEED", "EEEEEC"]))
    taught = Retrained(opened, Counter(), 30, seed=1)

    def share() -> float:
        drawn = opened.domain.decode(taught.sample(200, seed=3))
        return float(np.mean([s.count("E") / len(s) for s in drawn if s]))

    plain = share()
    assert taught.learn(ledger, space.spell(ledger.tokens)) == 32
    first, weights = share(), {k: v.clone() for k, v in opened.core.state_dict().items()}
    assert first > plain
    taught.learn(ledger, space.spell(ledger.tokens))
    again = opened.core.state_dict()
    assert all(torch.equal(again[k], v) for k, v in weights.items())

    class Scale(Oracle):
        name, properties = "scale", ("mass",)

        def judge(self, samples: Any) -> list[dict[str, Any]]:
            return []

    with pytest.raises(InputError, match="this run knows fitness"):
        Retrained(opened, Scale(), 1)
    with pytest.raises(InputError, match="without its data"):
        Retrained(Run.open(run / "run"), Counter(), 1)
