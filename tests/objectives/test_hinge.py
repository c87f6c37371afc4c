import pytest
import torch

from physgan.domain import Verdict
from physgan.objectives import build


def test_blind_critic() -> None:
    zero = Verdict(torch.zeros(3))
    assert build("hinge").critic_loss(zero, zero).item() == pytest.approx(2.0, abs=1e-6)


def test_best_critic_reaches_twice_the_overlap() -> None:
    best = torch.tensor([1.0, 1.0, -1.0])  # sign(p - q) of p=(.5,.3,.2), q=(.2,.2,.6)
    real = Verdict(best.repeat_interleave(torch.tensor([5, 3, 2])))
    fake = Verdict(best.repeat_interleave(torch.tensor([2, 2, 6])))
    assert build("hinge").critic_loss(real, fake).item() == pytest.approx(1.2, abs=1e-6)


def test_a_sure_critic_is_left_alone_and_the_generator_is_not() -> None:
    score = torch.tensor([5.0], requires_grad=True)
    critic = build("hinge").critic_loss(Verdict(score), Verdict(-score))
    assert torch.autograd.grad(critic, score)[0].item() == 0.0
    generator = build("hinge").generator_loss(Verdict(score), Verdict(-score))
    assert torch.autograd.grad(generator, score)[0].item() == 1.0
