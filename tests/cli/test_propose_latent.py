from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from calling import call

from physgan import domain as domains
from physgan.conditions import Target
from physgan.design.latent_search import ranking
from physgan.run import Run
from physgan.testing.gaussians import GaussianRing

SMALL = ["-s", "domain.rows=300", "-s", "core.adversarial=0", "-s", "core.latent_dim=2",
         "-s", "batch_size=64", "-s", "accelerator=cpu", "--steps", "30", "--threads", "1",
         "--predictor-minutes", "0"]  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("latent")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(domains, "load", lambda name, **options: GaussianRing(**options))
        patch.chdir(folder)
        assert call("train", "gaussian-ring", "--out", "run", *SMALL) == 0
        yield folder / "run"


def test_a_search_of_the_latents_goes_further_than_the_same_number_of_samples(
    run: Path, tmp_path: Path
) -> None:
    words = ["propose", "gaussian-ring", "--run", run, "-t", "radius=max", "-n", 2, "--no-oracle",
             "--oversample", 32, "--search", "latent", "--generations", 6]  # fmt: skip
    assert call(*words, "--out", tmp_path / "found") == 0
    document = json.loads((tmp_path / "found" / "candidates.json").read_text())
    found = [row["exact.radius"] for row in document["candidates"]]
    opened = Run.open(run)
    drawn = opened.sample(64, [Target("radius", "max")])["point"].norm(dim=1)
    assert len(found) == 2 and min(found) > float(drawn.topk(2).values.min())
    assert document["settings"]["search"] == "latent" and document["settings"]["generations"] == 6
    assert any("only an oracle tells" in warning for warning in document["warnings"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--search", "latent"], "needs a target"),
        (["--search", "latent", "-t", "mode=3"], "nothing predicts 'mode'"),
        (["--search", "lattent", "-t", "radius=max"], "no search called 'lattent'"),
        (["--search", "latent", "--rounds", "2"], "searches of its own"),
    ],
)
def test_what_cannot_be_searched_is_one_message(
    arguments: list[str], said: str, run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("propose", "gaussian-ring", "--run", run, *arguments, "--out", "none") == 2
    error = " ".join(capsys.readouterr().err.split())
    assert said in error and "Traceback" not in error
    assert not Path("none").exists()


def test_a_class_is_searched_by_its_probability(run: Path) -> None:
    opened = Run.open(run)

    class Halves:
        names = ("mode",)
        properties = (opened.schema.properties[0],)
        center = torch.zeros(0)

        def read(self, x: Any, given: Any) -> Any:
            rest = torch.zeros(len(x), len(self.properties[0].classes or ()) - 1)
            return {}, {"mode": torch.cat([4 * x["point"][:, :1], rest], dim=1)[None]}

        def predict(self, x: Any, given: Any) -> Any:
            from physgan.predictors import Prediction

            return Prediction(torch.zeros(len(x), 1), torch.zeros(len(x), 1))

        def interval(self, prediction: Any, level: float) -> Any:
            return prediction.mean, prediction.mean

    target = Target("mode", "class", 0.0, 0.0, "0")
    score = ranking(opened.domain, opened.schema, Halves(), [target])  # type: ignore[arg-type]
    x = opened.sample(40)
    said = score(x, opened.ask(40)[1])
    assert said.shape == (40,) and (said >= 0).all() and (said <= 1).all()
    assert torch.equal(said.argsort(), x["point"][:, 0].argsort())
