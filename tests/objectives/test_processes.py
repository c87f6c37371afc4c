"""Objectives whose loss couples the samples of a batch, in two processes and in one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

# One interpreter imports, and two children share what it has, before any thread of autograd starts.
WORKER = """
import multiprocessing
import sys
import torch
import torch.distributed as dist
from physgan.domain import Verdict
from physgan.objectives import build

names = ["mcgan-mean", "mcgan-covariance", "gmmn", "mmd-gan", "fisher", "ebgan", "began", "magan"]
names += ["ragan"]
torch.manual_seed(0)
real, fake = torch.randn(2, 8, 3, dtype=torch.double)
start = torch.randn(3, 4, dtype=torch.double)

def play(name, rows):
    weight, objective = start.clone().requires_grad_(), build(name).double()
    said = []
    for x in (real, fake + 1):
        features = x[rows] @ weight
        said.append(Verdict(features.square().sum(1), features))
    losses = [objective.critic_loss(*said), objective.generator_loss(*said)]
    total = losses[0] + 3 * losses[1]
    (slope,) = torch.autograd.grad(total, weight)
    with torch.no_grad():
        objective.after_critic_step(torch.nn.Identity(), *said)
    found = torch.cat([total.detach().reshape(1), slope.flatten()])
    state = [b.reshape(1) for b in objective.buffers() if b.ndim == 0]
    return found, torch.cat([*state, slope[0, :0]])

def main(rank):
    alone = {name: play(name, slice(0, 8)) for name in names}
    at = "file://" + sys.argv[1]
    dist.init_process_group("gloo", init_method=at, rank=rank, world_size=2)
    for name in names:
        mine, state = play(name, slice(4 * rank, 4 * rank + 4))
        dist.all_reduce(mine)
        try:
            torch.testing.assert_close(mine / 2, alone[name][0])
            torch.testing.assert_close(state, alone[name][1])
        except AssertionError as error:
            raise AssertionError(name) from error
    dist.destroy_process_group()

fork = multiprocessing.get_context("fork")
ranks = [fork.Process(target=main, args=(rank,)) for rank in range(2)]
for process in ranks:
    process.start()
for process in ranks:
    process.join()
sys.exit(any(process.exitcode for process in ranks))
"""


@pytest.mark.slow
def test_two_processes_average_to_loss_gradient_and_state_of_one(tmp_path: Path) -> None:
    root = str(Path(__file__).parents[2])
    environment = dict(os.environ)
    environment["PYTHONPATH"] = os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])
    worker = [sys.executable, "-c", WORKER, str(tmp_path / "meeting")]
    done = subprocess.run(worker, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
