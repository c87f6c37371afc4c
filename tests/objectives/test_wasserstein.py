import pytest
import torch
from torch import nn

from physgan.domain import Verdict
from physgan.errors import InputError
from physgan.objectives import build

D = torch.tensor([3.0, -4.0])


def game_of_a_linear_critic(name: str, weight: torch.Tensor, **constants: float) -> torch.Tensor:
    """Minus the critic's loss for data at D and a model at 0."""
    real = Verdict(D.expand(5, 2) @ weight)
    fake = Verdict(torch.zeros(5, 2) @ weight)
    return -build(name, **constants).critic_loss(real, fake)


def test_clipped_linear_critic_reaches_c_times_the_1_norm() -> None:
    objective = build("wgan-clip", c=0.01)
    critic = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(critic.parameters(), lr=0.1)
    for _ in range(20):
        real, fake = (Verdict(critic(x).squeeze(1)) for x in (D.expand(5, 2), torch.zeros(5, 2)))
        loss = objective.critic_loss(real, fake)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        with torch.no_grad():
            objective.after_critic_step(critic, real, fake)
        assert all(p.abs().max() <= 0.01 for p in critic.parameters())
    value = game_of_a_linear_critic("wgan-clip", critic.weight[0], c=0.01)
    assert value.item() == pytest.approx(0.07, abs=1e-6)


def test_unclipped_form_leaves_the_critic_alone_and_opposes_the_generator() -> None:
    objective, critic = build("wgan"), nn.Linear(2, 1)
    before = critic.weight.clone()
    real, fake = Verdict(torch.tensor([1.0, 3.0])), Verdict(torch.tensor([5.0, 0.0]))
    objective.after_critic_step(critic, real, fake)
    assert torch.equal(before, critic.weight)
    assert objective.critic_loss(real, fake).item() == 0.5
    assert objective.generator_loss(real, fake).item() == -2.5


def test_empty_box_is_refused() -> None:
    with pytest.raises(InputError, match="clipping bound"):
        build("wgan-clip", c=0.0)
