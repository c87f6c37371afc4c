from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from calling import call

from physgan import domain as domains
from physgan.domain import Property
from physgan.run import Run
from physgan.testing.gaussians import GaussianRing
from physgan.training.checkpoint import Checkpoints

ROOT = Path(__file__).parents[2]
NO_PREDICTOR = ["--predictor-minutes", "0"]
SMALL = ["-s", "domain.rows=128", "-s", "core.adversarial=0", "-s", "core.latent_dim=2",
         "-s", "batch_size=32", "-s", "log_every=2", "-s", "accelerator=cpu",
         "-s", "checkpoint_every=1000000", "-s", "schedule=constant",
         *NO_PREDICTOR]  # fmt: skip
PROGRAM = """
import sys, time
from physgan import domain
from physgan.testing.gaussians import GaussianRing
domain.load = lambda name, **options: GaussianRing(**options)
from physgan.training.step import Game
play = Game.play
def slow(self, *args):
    play(self, *args)
    print("step", flush=True)
    time.sleep(0.05)
Game.play = slow
from physgan.cli import main
main(sys.argv[1:])
"""


@pytest.fixture(autouse=True)
def ring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(domains, "load", lambda name, **options: GaussianRing(**options))


def test_a_run_is_trained_and_resumed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "run"
    assert call("train", "ring", "--property", "radius", "--steps", 4, "--out", out, *SMALL) == 0
    assert "done at step 4" in capsys.readouterr().err
    run = Run.open(out)
    assert run.config.properties == ("radius",) and run.sample(3).batch_size == (3,)
    assert call("train", "--resume", "--out", out, "--steps", 6, *NO_PREDICTOR) == 0
    assert Checkpoints(out, run.config.identity).steps()[-1] == 6
    again = tmp_path / "again"
    assert call("train", "--config", out / "config.toml", "--out", again, *NO_PREDICTOR) == 0
    assert torch.equal(Run.open(again).sample(4)["point"], Run.open(out).sample(4)["point"])


@pytest.mark.parametrize(
    ("told", "minutes", "says"),
    [
        (["core.perceptual=1"], 0, True),
        (["core.perceptual=1"], 0.01, False),
        ([], 0, False),
    ],
)
def test_untrained_perceptual_features_are_said_to_be_so(
    told: list[str], minutes: float, says: bool, tmp_path: Path,
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    sets = [part for setting in told for part in ("-s", setting)]
    advice = {"predictor": {"members": 1, "epochs": 1}}
    monkeypatch.setattr(GaussianRing, "recommended", lambda self: advice)
    out = ["--out", tmp_path / "run", "--steps", 2, "--core", "physics-gan", *sets]
    small = [*SMALL[:2], *SMALL[6:-2], "--predictor-minutes", minutes]
    assert call("train", "ring", *small, *out) == 0
    lines = [row for row in capsys.readouterr().err.splitlines() if "untrained network" in row]
    assert len(lines) == says


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["ring", "--set", "stepz=4"], "did you mean 'steps'"),
        (["ring", "--set", "core.latent=4"], "latent"),
        (["ring", "--core", "vae"], "did you mean 'vae-gan'"),
        (["ring", "--property", "radios"], "did you mean 'radius'"),
        (["ring", "/no/such/data"], "no such data"),
        (["ring", "--minutes", "-3"], "greater than 0"),
        (["ring", "--steps", "many"], "--steps"),
        (["--config", "none.toml"], "no such config file"),
        (["--resume", "--out", "nowhere"], "no run here"),
        ([], "'domain' is missing"),
    ],
)
def test_wrong_input_is_one_message_and_exit_code_2(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where = [] if "--out" in arguments else ["--out", str(tmp_path / "run")]
    assert call("train", *arguments, *where) == 2
    error = capsys.readouterr().err
    assert said in error and "Traceback" not in error
    assert not (tmp_path / "run").exists()


def test_ctrl_c_saves_prints_how_to_go_on_and_leaves_with_130(tmp_path: Path) -> None:
    out = tmp_path / "stopped"
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "train", "ring", "--out", str(out), "--steps", "1000000",
         "--threads", "1", *SMALL],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert process.stdout is not None
    for _ in range(2):
        assert process.stdout.readline() == "step\n"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 130
    assert f"physgan train --resume --out {out}" in said
    stopped = Checkpoints(out, {"domain": "ring", "core": "vae-gan"}).steps()[-1]
    steps = stopped + 3
    assert call("train", "--resume", "--out", out, "--steps", steps, *NO_PREDICTOR) == 0
    whole = tmp_path / "whole"
    assert call("train", "ring", "--out", whole, "--steps", steps, "--threads", 1, *SMALL) == 0
    one, two = (
        Checkpoints(f, {"domain": "ring", "core": "vae-gan"}).load()[0] for f in (whole, out)
    )
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_help_needs_no_torch() -> None:
    script = (
        "import sys\nfrom physgan.cli import build_app\nbuild_app()\n"
        "sys.exit(any(name in sys.modules for name in ('torch', 'tensordict', 'pymatgen')))"
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    assert subprocess.run([sys.executable, "-c", script], env=env).returncode == 0


def test_doctor_and_domains(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call("doctor", "--folder", tmp_path) == 0
    assert torch.__version__[:4] in capsys.readouterr().out
    assert call("doctor", "--folder", tmp_path / "none") == 1
    monkeypatch.setattr(domains, "available", lambda: {"ring": lambda: GaussianRing})
    capsys.readouterr()
    assert call("domains") == 0
    said = capsys.readouterr().out
    assert "ring" in said and "radius" in said


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--version") == 0
    assert capsys.readouterr().out.startswith("physgan ")


PLAY = ["--core", "physics-gan", "--steps", "2", "-s", "domain.rows=64", "-s", "core.latent_dim=2",
        "-s", "batch_size=16", "-s", "log_every=2", "-s", "accelerator=cpu",
        *NO_PREDICTOR]  # fmt: skip


def test_the_objective_is_an_option_and_its_state_is_logged_and_kept(tmp_path: Path) -> None:
    out, constant = tmp_path / "run", "core.objective_constants.gamma=0.7"
    asked = ["--objective", "began", "--set", constant, "--out", out, *PLAY]
    assert call("train", "ring", *asked) == 0
    run = Run.open(out)
    assert run.config.core_options["objective"] == "began"
    assert run.core.objective.hparams["gamma"] == 0.7
    assert "objective_k" in (out / "metrics.csv").read_text().splitlines()[0]
    assert run.core.objective.k > 0
    assert call("train", "--resume", "--out", out, "--steps", 3, *NO_PREDICTOR) == 0
    assert call("train", "--resume", "--out", out, "--objective", "hinge") == 2


def test_an_objective_without_a_critic_trains_from_the_command_line(tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert call("train", "ring", "--objective", "gmmn", "--out", out, *PLAY) == 0
    run = Run.open(out)
    assert set(run.core.players) == {"generator"} and run.sample(3).batch_size == (3,)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--objective", "f-kll"], "no objective called 'f-kll' (known: began, cramer, ebgan"),
        (["--objective", "hinge", "-s", "core.objective_constants.margin=1"], "no constant"),
        (["--objective", "began", "-s", "core.objective_constants.gamma=high"], "gamma of the"),
        (["--objective", "began", "-s", "core.objective_constants.gamma=2"], "gamma is 2"),
        (["-s", "trainer.optimiser=lion"], "optimiser"),
        (["-s", "trainer.optimisers.critc=sam"], "did you mean 'trainer.optimisers.critic'"),
    ],
)
def test_mistakes_in_the_game_are_one_message(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call("train", "ring", *PLAY, *arguments, "--out", tmp_path / "run") == 2
    error = " ".join(capsys.readouterr().err.split())
    assert said in error and "Traceback" not in error


class Measured(GaussianRing):
    """The ring with a radius that only a predictor can tell."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.properties = (Property("radius", "1"),)


def test_too_few_validation_rows_are_told_before_training_and_leave_no_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(domains, "load", lambda name, **options: Measured(**options))
    monkeypatch.setattr(Run, "train", lambda *a, **k: pytest.fail("trained"))
    out = tmp_path / "run"
    assert call("train", "ring", "--out", out, "-s", "domain.rows=30", "-s", "steps=3") == 2
    assert "15 calibration rows know the property 'radius'" in capsys.readouterr().err
    assert not out.exists()
