import math

import pytest
import torch
from torch import nn

from physgan.domain import Verdict
from physgan.errors import InputError
from physgan.objectives import build


def verdict(features: torch.Tensor) -> Verdict:
    return Verdict(torch.zeros(len(features)), features)


@pytest.mark.parametrize(("q", "value"), [(2.0, 3.0), (1.0, 5.0), (math.inf, 2.0)])
def test_mean_matching_is_the_dual_norm(q: float, value: float) -> None:
    real = verdict(torch.tensor([[2.0, -2.0, 1.0], [0.0, -2.0, 3.0]]))
    fake, objective = verdict(torch.zeros(2, 3)), build("mcgan-mean", q=q)
    assert objective.generator_loss(real, fake).item() == pytest.approx(value, abs=1e-6)
    assert objective.critic_loss(real, fake).item() == pytest.approx(-value, abs=1e-6)
    reached = (objective.witness(real, real, fake) - objective.witness(fake, real, fake)).mean()
    assert reached.item() == pytest.approx(value, abs=1e-6)


def test_covariance_matching_is_the_sum_of_the_leading_singular_values() -> None:
    generator = torch.Generator().manual_seed(0)
    a, b = (torch.randn(40, 6, generator=generator, dtype=torch.double) for _ in range(2))
    b = 0.5 * b + 1
    values = torch.linalg.svdvals(a.T @ a / 40 - b.T @ b / 40)
    for rank in (1, 3, 6, 16):
        objective = build("mcgan-covariance", rank=rank)
        found = objective.generator_loss(verdict(a), verdict(b))
        assert found.item() == pytest.approx(values[:rank].sum().item(), abs=1e-9)
    full = build("mcgan-covariance", rank=6)
    real, fake = verdict(a), verdict(b)
    reached = (full.witness(real, real, fake) - full.witness(fake, real, fake)).mean()
    assert reached.item() == pytest.approx(values.sum().item(), abs=1e-9)


@pytest.mark.parametrize("name", ["mcgan-mean", "mcgan-covariance"])
def test_clipping_is_an_option(name: str) -> None:
    critic, blank = nn.Linear(3, 3), verdict(torch.zeros(1, 3))
    before = critic.weight.clone()
    build(name).after_critic_step(critic, blank, blank)
    assert torch.equal(before, critic.weight)
    build(name, c=0.01).after_critic_step(critic, blank, blank)
    assert critic.weight.abs().max() <= 0.01
    with pytest.raises(InputError, match="clipping bound"):
        build(name, c=0.0)


def test_a_critic_without_features_is_named() -> None:
    with pytest.raises(InputError, match="no features"):
        build("mcgan-mean").critic_loss(Verdict(torch.zeros(2)), Verdict(torch.zeros(2)))
