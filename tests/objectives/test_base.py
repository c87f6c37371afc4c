"""Families beyond the built-in ones fit the signature without a change elsewhere."""

import pytest
import torch
from tensordict import TensorDict
from torch import Tensor, nn

from physgan.domain import Verdict
from physgan.errors import InputError
from physgan.objectives import OBJECTIVES, Objective, build


class Equilibrium(Objective):
    """BEGAN: an autoencoding critic, and a balance that the objective carries as state."""

    k: Tensor

    def __init__(self, gamma: float = 0.5, rate: float = 0.001) -> None:
        super().__init__(gamma=gamma, rate=rate)
        self.register_buffer("k", torch.zeros(()))

    def critic_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        return real.score.mean() - self.k * fake[0].score.mean()

    def generator_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        return fake[0].score.mean()

    def after_critic_step(self, critic: nn.Module, real: Verdict, *fake: Verdict) -> None:
        balance = self.hparams["gamma"] * real.score.mean() - fake[0].score.mean()
        self.k.add_(self.hparams["rate"] * balance).clamp_(0, 1)


class MeanMatching(Objective):
    """Mean McGAN for q=2: the distance of the mean features."""

    real_in_generator = True

    def critic_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        return -self.generator_loss(real, *fake)

    def generator_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        assert real.features is not None and fake[0].features is not None
        return (real.features.mean(0) - fake[0].features.mean(0)).norm()


class Discrepancy(Objective):
    """GMMN with one RBF kernel on the data: a generator without a critic."""

    needs_critic = False
    real_in_generator = True

    def __init__(self, sigma: float = 1.0) -> None:
        super().__init__(sigma=sigma)

    def critic_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        return real.score.new_zeros(())

    def generator_loss(self, real: Verdict, *fake: Verdict) -> Tensor:
        x, y = real.features, fake[0].features
        assert x is not None and y is not None
        return self.kernel(x, x) + self.kernel(y, y) - 2 * self.kernel(x, y)

    def kernel(self, a: Tensor, b: Tensor) -> Tensor:
        square = (a.unsqueeze(1) - b.unsqueeze(0)).square().sum(-1)
        return (-square / (2 * self.hparams["sigma"] ** 2)).exp().mean()


def autoencoded(x: Tensor, critic: nn.Linear) -> Verdict:
    back = critic(x)
    reconstruction = TensorDict({"x": back}, batch_size=[len(x)])
    return Verdict((back - x).abs().mean(1), reconstruction=reconstruction)


def test_a_stateful_energy_objective_balances_itself() -> None:
    objective, critic = Equilibrium(), nn.Linear(2, 2)
    nn.init.zeros_(critic.weight)
    nn.init.zeros_(critic.bias)
    real, fake = (autoencoded(torch.full((3, 2), value), critic) for value in (1.0, 0.2))
    assert objective.critic_loss(real, fake).item() == pytest.approx(1.0)
    with torch.no_grad():
        objective.after_critic_step(critic, real, fake)
        assert objective.k.item() == pytest.approx(3e-4, abs=1e-9)
        resumed = Equilibrium(**objective.hparams)
        resumed.load_state_dict(objective.state_dict())
        assert resumed.critic_loss(real, fake).item() == pytest.approx(1 - 3e-4 * 0.2, abs=1e-7)
        objective.after_critic_step(critic, fake, real)
        assert objective.k.item() == 0.0  # clipped: 3e-4 + 1e-3 * (0.1 - 1) < 0


def test_a_moment_objective_reads_features() -> None:
    real = Verdict(torch.zeros(2), features=torch.tensor([[2.0, -2.0, 1.0], [0.0, -2.0, 3.0]]))
    fake = Verdict(torch.zeros(2), features=torch.zeros(2, 3))
    assert MeanMatching().generator_loss(real, fake).item() == pytest.approx(3.0, abs=1e-6)


def test_an_objective_without_critic_trains_a_generator() -> None:
    objective = Discrepancy()
    real = Verdict(torch.zeros(1), features=torch.zeros(1, 1))
    at = torch.tensor([[1.5]], requires_grad=True)
    loss = objective.generator_loss(real, Verdict(torch.zeros(1), features=at))
    assert loss.item() == pytest.approx(2 * (1 - 2.718281828 ** (-1.125)), abs=1e-6)
    optimizer = torch.optim.SGD([at], lr=0.5)
    for _ in range(60):
        optimizer.zero_grad()
        objective.generator_loss(real, Verdict(torch.zeros(1), features=at)).backward()
        optimizer.step()
    assert abs(at.item()) < 1e-3
    assert not objective.needs_critic and objective.critic_loss(real, real).item() == 0.0


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_every_objective_is_rebuilt_from_its_constants(name: str) -> None:
    objective = build(name)
    again = type(objective)(**objective.hparams)
    real, fake = Verdict(torch.tensor([0.3, -1.0])), Verdict(torch.tensor([2.0, 0.1]))
    assert again.critic_loss(real, fake) == objective.critic_loss(real, fake)
    assert again.generator_loss(real, fake).shape == ()


def test_unknown_names_and_constants_are_explained() -> None:
    with pytest.raises(InputError, match="wgan-clip") as unknown:
        build("wasserstien")
    assert "wasserstien" in unknown.value.what
    with pytest.raises(InputError, match=r"c=0\.01"):
        build("wgan-clip", clip=1.0)
    with pytest.raises(InputError, match="none"):
        build("hinge", margin=2.0)
