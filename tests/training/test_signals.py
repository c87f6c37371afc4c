from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

SCRIPT = """
import sys, time
sys.path.insert(0, {here!r})
from toy import gaussian, make
from physgan.training import Trainer, TrainerOptions

options = TrainerOptions(steps=10**9, batch_size=32, lr=5e-3, log_every=3, checkpoint_every=10**8,
    validate_every=10**8, schedule="constant", accelerator="cpu", threads=1)
trainer = Trainer(make(), gaussian(), None, options, {folder!r})
play = trainer.game.play
def slow(*args):
    play(*args)
    print("step", flush=True)
    time.sleep({pause})
trainer.game.play = slow
print(trainer.fit())
"""


def start(folder: Path, pause: float) -> subprocess.Popen[str]:
    here = str(Path(__file__).parent)
    script = SCRIPT.format(here=here, folder=str(folder), pause=pause)
    paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"},
    )
    assert process.stdout is not None
    for _ in range(3 if pause < 1 else 1):
        assert process.stdout.readline() == "step\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_the_resumed_run_is_the_unbroken_one(
    trainer: Any, tmp_path: Path, number: signal.Signals
) -> None:
    process = start(tmp_path / "stopped", pause=0.01)
    process.send_signal(number)
    said, _ = process.communicate(timeout=300)
    assert "interrupted" in said and process.returncode == 0
    resumed = trainer("stopped", threads=1)
    resumed.checkpoints.identity = {}
    stopped = resumed.checkpoints.steps()[-1]
    assert stopped >= 3
    resumed.options = resumed.options.model_copy(update={"steps": stopped + 5})
    resumed.fit(resume=True)
    whole = trainer("whole", threads=1, steps=stopped + 5)
    whole.fit()
    one, two = (t.checkpoints.load()[0] for t in (whole, resumed))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_the_second_signal_stops_at_once(tmp_path: Path) -> None:
    process = start(tmp_path / "run", pause=600)
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=120)
    assert process.returncode != 0
