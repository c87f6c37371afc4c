from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from physgan.training.checkpoint import Checkpoints

ROOT = Path(__file__).parents[2]


def play(folder: Path, processes: int, until: int = 6, resume: bool = False) -> None:
    script = [str(Path(__file__).parent / "play.py"), str(folder), str(until)]
    launch = [sys.executable]
    if processes > 1:
        launch += ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    paths = [str(ROOT), os.environ.get("PYTHONPATH", "")]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*launch, *script, "resume" if resume else "start"], env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.slow
def test_two_processes_do_what_one_does_with_the_whole_batch(tmp_path: Path) -> None:
    play(tmp_path / "one", 1)
    play(tmp_path / "two", 2)
    alone = torch.load(tmp_path / "one" / "grads-6-0.pt", weights_only=True)
    shared = [
        torch.load(tmp_path / "two" / f"grads-6-{rank}.pt", weights_only=True) for rank in range(2)
    ]
    assert len(alone) == len(shared[0]) > 6 * 3
    for one, first, second in zip(alone, *shared, strict=True):
        assert torch.equal(first, second)
        assert torch.allclose(one, first, atol=1e-5)
    models = [Checkpoints(tmp_path / name, {}).load()[0] for name in ("one", "two")]
    assert all(torch.allclose(models[0][n], models[1][n], atol=1e-4) for n in models[0])


@pytest.mark.slow
def test_two_processes_resume_bitwise(tmp_path: Path) -> None:
    play(tmp_path / "whole", 2)
    play(tmp_path / "parts", 2, until=2)
    play(tmp_path / "parts", 2, resume=True)
    (a, state_a), (b, state_b) = (Checkpoints(tmp_path / n, {}).load() for n in ("whole", "parts"))
    assert all(torch.equal(a[name], b[name]) for name in a)
    pairs = zip(state_a["rng"], state_b["rng"], strict=True)
    assert len(state_a["rng"]) == 2 and all(torch.equal(x["torch"], y["torch"]) for x, y in pairs)
