import math
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from physgan.domain import Verdict
from physgan.objectives import build

scores = st.lists(st.floats(-20, 20), min_size=2, max_size=6)


@pytest.mark.parametrize(("name", "value"), [("rpgan", math.log(2)), ("ragan", 2 * math.log(2))])
def test_equal_critics(name: str, value: float) -> None:
    same = Verdict(torch.full((5,), 3.7))
    assert build(name).critic_loss(same, same).item() == pytest.approx(value, abs=1e-6)
    assert build(name).generator_loss(same, same).item() == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize("name", ["rpgan", "ragan"])
@settings(deadline=None)
@given(a=scores, shift=st.floats(-100, 100))
def test_a_constant_added_to_the_critic_changes_nothing(
    name: str, a: list[float], shift: float
) -> None:
    real = torch.tensor(a, dtype=torch.double)
    fake, bias = real.flip(0) * 0.5 + 1, torch.zeros((), dtype=torch.double, requires_grad=True)
    objective = build(name)
    for loss in (objective.critic_loss, objective.generator_loss):
        here = loss(Verdict(real + bias), Verdict(fake + bias))
        there = loss(Verdict(real + shift), Verdict(fake + shift))
        torch.testing.assert_close(here.detach(), there, rtol=0, atol=1e-9)
        assert abs(torch.autograd.grad(here, bias)[0].item()) < 1e-12


@pytest.mark.parametrize("name", ["rpgan", "ragan"])
def test_the_generator_plays_the_exchanged_game(name: str) -> None:
    real, fake = Verdict(torch.tensor([1.0, 2.0])), Verdict(torch.tensor([-1.0, 7.0]))
    objective = build(name)
    assert objective.real_in_generator
    assert objective.generator_loss(real, fake) == objective.critic_loss(fake, real)
    assert objective.generator_loss(real, fake) != objective.critic_loss(real, fake)


def test_average_by_hand() -> None:
    real, fake = Verdict(torch.tensor([1.0, 3.0])), Verdict(torch.tensor([0.0, -2.0]))
    above = (math.log1p(math.exp(-2)) + math.log1p(math.exp(-4))) / 2  # C(x) - mean fake = 2, 4
    below = (math.log1p(math.exp(-2)) + math.log1p(math.exp(-4))) / 2  # C(G) - mean real = -2, -4
    assert build("ragan").critic_loss(real, fake).item() == pytest.approx(above + below, abs=1e-6)


WORKER = """
import sys
import torch
import torch.distributed as dist
from physgan.domain import Verdict
from physgan.objectives import build

rank = int(sys.argv[1])
dist.init_process_group("gloo", rank=rank, world_size=2)
weight = torch.tensor([0.3, -0.7], requires_grad=True)
real = torch.tensor([[1.0, 2.0], [0.5, -1.0], [3.0, 0.0], [-2.0, 1.0]])
fake = torch.tensor([[0.0, 1.0], [1.5, 1.0], [-1.0, 2.0], [2.0, 2.0]])
rows = slice(2 * rank, 2 * rank + 2)
loss = build("ragan").critic_loss(Verdict(real[rows] @ weight), Verdict(fake[rows] @ weight))
loss.backward()
total = torch.cat([loss.detach().reshape(1), weight.grad]) / 2
dist.all_reduce(total)
dist.destroy_process_group()
whole = torch.tensor([0.3, -0.7], requires_grad=True)
expected = build("ragan").critic_loss(Verdict(real @ whole), Verdict(fake @ whole))
expected.backward()
torch.testing.assert_close(total, torch.cat([expected.detach().reshape(1), whole.grad]))
"""


@pytest.mark.slow
def test_two_processes_average_to_the_loss_and_gradient_of_one() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    environment["PYTHONPATH"] = os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])
    workers = [
        subprocess.Popen([sys.executable, "-c", WORKER, str(rank)], env=environment)
        for rank in range(2)
    ]
    assert [worker.wait(timeout=60) for worker in workers] == [0, 0]
