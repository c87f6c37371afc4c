from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from calling import call
from tensordict import TensorDict

from physgan import domain as domains
from physgan.conditions import Target
from physgan.design.guides import judged, predicted, usual
from physgan.domain import Oracle, Property
from physgan.errors import InputError
from physgan.run import Run
from physgan.testing.gaussians import GaussianRing
from physgan.training.checkpoint import Checkpoints

SMALL = ["-s", "domain.rows=300", "-s", "core.adversarial=0", "-s", "core.latent_dim=2",
         "-s", "batch_size=64", "-s", "accelerator=cpu", "--steps", "90", "--threads", "1",
         "-s", "checkpoint_every=1000", "-s", "log_every=30", "-s", "lr=5e-3",
         "-s", "core.beta_warmup=20",
         "-s", "ema_decay=0.9"]  # fmt: skip


class Ruler(Oracle):
    """Measures the radius, and does not know points to the left."""

    name, properties, calls = "ruler", ("radius",), 0

    def judge(self, samples: Sequence[Any]) -> list[dict[str, Any]]:
        self.calls += len(samples)
        return [{"radius": float(np.hypot(*s))} if s[0] > 0 else {} for s in samples]


class Measured(GaussianRing):
    """The ring with a radius that only a predictor or a ruler can tell."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.properties = (self.properties[0], Property("radius", "1"))

    def oracle(self, name: str | None = None, **options: Any) -> Oracle:
        if name not in (None, "ruler"):
            raise InputError(f"no oracle called {name!r}", fix="ruler")
        return Ruler()


@pytest.fixture(autouse=True)
def ring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(domains, "load", lambda name, **options: Measured(**options))


def joined(out: Path) -> list[dict[str, str]]:
    with (out / "pseudo.csv").open() as file:
        return list(csv.DictReader(file))


def test_what_an_oracle_praises_joins_and_a_stopped_run_goes_on_with_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    words = ["train", "ring", *SMALL, "--out", out, "--predictor-minutes", 0]
    told = ["--feedback", "radius=max", "--judge", "ruler", "--every", 30, "--draws", 120]
    assert call(*words, *told) == 0
    said = capsys.readouterr().err
    assert "the oracle answered" in said and "of the rows were praised" in said
    first = joined(out)
    assert "60" in {row["step"] for row in first} <= {"30", "60"}
    assert all(float(row["spread"]) == 0 for row in first)
    assert json.loads((out / "feedback.json").read_text())["judge"] == "ruler"
    assert call("train", "--resume", "--out", out, "--steps", 125, "--predictor-minutes", 0) == 0
    assert joined(out)[: len(first)] == first and joined(out)[-1]["step"] == "120"
    assert Checkpoints(out, Run.open(out).config.identity).steps()[-1] == 125
    other = ["--feedback", "radius=min", "--judge", "ruler"]
    assert call("train", "--resume", "--out", out, *other) == 2
    assert "target='radius=max'" in capsys.readouterr().err


def test_the_predictor_is_fitted_first_and_praises(tmp_path: Path) -> None:
    out = tmp_path / "run"
    feedback = ["--feedback", "radius=max", "--every", 45, "--draws", 200]
    words = ["train", "ring", *SMALL, "--out", out, "--predictor-minutes", 0.05]
    assert call(*words, *feedback) == 0
    rows = joined(out)
    assert rows and all(float(row["spread"]) > 0 for row in rows)
    assert Run.open(out).predictor() is not None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--feedback", "radius=2"], "needs a direction"),
        (["--feedback", "mass=max"], "mass"),
        (["--feedback", "radius=max", "--predictor-minutes", "0"], "a predictor or an oracle"),
        (["--feedback", "radius=max", "--judge", "scale"], "no oracle called 'scale'"),
        (["--every", "5"], "go with --feedback"),
    ],
)
def test_mistakes_are_told_before_anything_is_trained(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(Run, "train", lambda *a, **k: pytest.fail("trained"))
    assert call("train", "ring", *SMALL, "--out", tmp_path / "run", *arguments) == 2
    error = " ".join(capsys.readouterr().err.split())
    assert said in error and "Traceback" not in error and not (tmp_path / "run").exists()


def test_guides_turn_round_what_should_be_low_and_know_what_they_do_not_know() -> None:
    domain, x = Measured(), TensorDict({"point": torch.tensor([[3.0, 4.0], [-3.0, 4.0]])}, [2])
    given = TensorDict({}, [2])
    high, spread = judged(domain, Ruler(), Target("radius", "max"))(x, given)
    low, _ = judged(domain, Ruler(), Target("radius", "min"))(x, given)
    assert high[0] == 5 and low[0] == -5 and torch.isnan(high[1]) and not spread.any()
    with pytest.raises(InputError, match="says nothing of 'mode'"):
        judged(domain, Ruler(), Target("mode", "class", 0.0, 0.0, "0"))

    class Sure:
        names = ("radius",)

        def predict(self, x: Any, given: Any) -> Any:
            from physgan.predictors import Prediction

            return Prediction(x["point"][:, :1], x["point"][:, 1:])

    low, spread = predicted(Sure(), Target("radius", "min"))(x, given)  # type: ignore[arg-type]
    assert low.tolist() == [-3.0, 3.0] and spread.tolist() == [4.0, 4.0]


def test_what_has_no_tokens_is_usual_where_real_rows_are_near() -> None:
    real = TensorDict({"point": torch.tensor([[0.0, 0.0], [1.0, 0.0], [9.0, 0.0]])}, [3])
    asked = TensorDict({"point": torch.tensor([[0.5, 0.0], [20.0, 0.0]])}, [2])
    density = usual(Measured(), real)
    assert density(asked).tolist() == [-0.5, -19.0] and density(real).tolist() == [-1, -1, -8]
