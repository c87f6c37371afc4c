import pytest
import torch
from torch import nn

from physgan.domain import Verdict
from physgan.errors import InputError
from physgan.objectives import build

D = torch.tensor([3.0, -4.0], dtype=torch.double)


def test_clipped_linear_critic_reaches_the_support_function_of_the_box() -> None:
    objective, critic = build("rwgan", c_lo=-0.02, c_hi=0.01), nn.Linear(2, 1).double()
    optimizer = torch.optim.SGD(critic.parameters(), lr=0.1)
    for _ in range(20):
        real, fake = (Verdict(critic(x).squeeze(1)) for x in (D.expand(5, 2), 0 * D.expand(5, 2)))
        loss = objective.critic_loss(real, fake)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        objective.after_critic_step(critic, real, fake)
        assert all(-0.02 <= w <= 0.01 for p in critic.parameters() for w in p.flatten().tolist())
    found = -objective.critic_loss(Verdict(critic(D.expand(5, 2))[:, 0]), Verdict(torch.zeros(5)))
    best = sum(max(d * -0.02, d * 0.01) for d in D.tolist())
    assert (found - critic.bias).item() == pytest.approx(best, abs=1e-9) and best > 0.1


def test_the_box_is_idempotent() -> None:
    objective, critic = build("rwgan", c_lo=-0.3, c_hi=0.1), nn.Linear(50, 3)
    verdict = Verdict(torch.zeros(1))
    objective.after_critic_step(critic, verdict, verdict)
    once = critic.weight.clone()
    objective.after_critic_step(critic, verdict, verdict)
    assert torch.equal(once, critic.weight)


def test_an_empty_box_is_refused() -> None:
    with pytest.raises(InputError, match="is empty"):
        build("rwgan", c_lo=0.1, c_hi=0.1)
