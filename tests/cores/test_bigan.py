"""BiGAN: identical joints leave the critic at log 4, and encoder and generator learn."""

import math

import pytest
import torch
from tensordict import TensorDict
from torch import nn

from physgan.conditions import ConditionSchema
from physgan.cores import BiGAN
from physgan.domain import Verdict
from physgan.errors import InputError
from physgan.testing import GaussianRing


@pytest.fixture
def ring():
    domain = GaussianRing(rows=256, limit=1e9)
    data = domain.load(None, "train").batch
    return domain, ConditionSchema(domain.properties, data["y"]), data


def core_of(ring, **options):
    torch.manual_seed(0)
    options = {"latent_dim": 2, "regularizer_interval": 1, **options}
    return BiGAN(ring[0], ring[1], **options)


class Linear(nn.Module):
    """x = W z, exactly."""

    latent_dim = 2

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, z, condition, given):
        return TensorDict({"point": z @ self.weight.T}, [len(z)])


class Inverse(nn.Module):
    """z = V x without noise."""

    def __init__(self, weight):
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, x, condition, given):
        z = x["point"] @ self.weight.T
        return z, torch.full_like(z, -200.0)


class Quadratic(nn.Module):
    """Score linear in all products of (x, z): it tells any two Gaussians apart by their moments."""

    def __init__(self):
        super().__init__()
        self.score = nn.Linear(20, 1).double()

    def forward(self, x, condition, given):
        both = torch.cat([x["point"], condition[:, -2:]], dim=1)
        products = (both[:, :, None] * both[:, None, :]).flatten(1)
        return Verdict(self.score(torch.cat([both, products], dim=1))[:, 0])


def linear_game(ring, wrong=False):
    core = core_of(ring).double()
    weight = torch.tensor([[1.5, 0.4], [-0.3, 0.8]], dtype=torch.double)
    core.generator = Linear(weight)
    core.encoder = Inverse(torch.linalg.inv(weight) if not wrong else weight.T.contiguous())
    core.joint_critic = Quadratic()
    return core


def best_critic_loss(core):
    torch.manual_seed(1)
    z = torch.randn(4000, 2, dtype=torch.double)
    empty, nothing = TensorDict({}, [4000]), torch.zeros(4000, core.schema.dim).double()
    with torch.no_grad():
        x = core.generator(torch.randn_like(z), nothing, empty)
        real = core._joint(x, core._encode(x, nothing, empty))
        fake = core._joint(core._make(z, nothing, empty), z)
    parameters = list(core.joint_critic.parameters())
    optimiser = torch.optim.LBFGS(parameters, max_iter=100, line_search_fn="strong_wolfe")

    def loss():
        optimiser.zero_grad()
        value = core.objective.critic_loss(
            *(core._judge(pair, nothing, empty) for pair in (real, fake))
        )
        value.backward()
        return value

    optimiser.step(loss)
    return float(loss())


def test_the_inverse_makes_the_joints_one_and_the_best_critic_reaches_log_4(ring):
    core = linear_game(ring)
    z = torch.randn(9, 2, dtype=torch.double)
    again = core.encoder(core.generator(z, z, None), z, None)[0]
    assert torch.allclose(again, z, atol=1e-12)
    assert best_critic_loss(core) == pytest.approx(math.log(4), abs=0.01)
    assert best_critic_loss(linear_game(ring, wrong=True)) < 1.0


def test_every_gradient_is_that_of_the_networks_own_loss(ring):
    core, batch = core_of(ring, condition_drop=0.0, recover=0.3), ring[2][:32]
    given, condition = batch["given"], core.schema(batch["y"])
    sp = nn.functional.softplus
    torch.manual_seed(3)
    core.schema.drop(condition, 0.0)
    mean, log_variance = core.encoder(batch["x"], condition, given)
    code = mean + (log_variance / 2).exp() * torch.randn_like(mean)
    z = torch.randn_like(code)
    x = core.generator(z, condition, given)
    judge = lambda x, z: core.joint_critic(x, torch.cat([condition, z], 1), given).score  # noqa: E731
    recovered = (core.encoder(x, condition, given)[0] - z).square().mean()
    makers = sp(-judge(x, z)).mean() + sp(judge(batch["x"], code)).mean() + 0.3 * recovered
    own = {}
    for name in ("generator", "encoder"):
        wanted = list(core.players[name].parameters())
        own[name] = torch.autograd.grad(makers, wanted, retain_graph=True, allow_unused=True)
    torch.manual_seed(3)
    for turn in core.turns(lambda: batch, 0):
        core.zero_grad(set_to_none=True)
        (loss,) = turn.losses
        inputs = [p for n in loss.players for p in core.players[n].parameters()]
        loss.value.backward(inputs=inputs)
        moved = {
            n for n, net in core.players.items() for p in net.parameters() if p.grad is not None
        }
        assert moved == set(turn.step)
    for name, wanted in own.items():
        found = [p.grad for p in core.players[name].parameters()]
        for grad, mine in zip(found, wanted, strict=True):
            assert (grad is None and mine is None) or torch.allclose(grad, mine, atol=1e-6)


def test_the_generator_is_recovered_after_training(ring):
    core = core_of(ring, recover=1.0)
    networks = core.players
    optimisers = {n: torch.optim.Adam(m.parameters(), 2e-3) for n, m in networks.items()}
    before = core.validation_loss(ring[2])["recover"]
    for step in range(60):
        for turn in core.turns(lambda: ring[2][torch.randint(256, (64,))], step):
            core.zero_grad(set_to_none=True)
            (loss,) = turn.losses
            loss.value.backward(inputs=[p for n in loss.players for p in networks[n].parameters()])
            for name in turn.step:
                optimisers[name].step()
    assert core.validation_loss(ring[2])["recover"] < before
    assert core.sample(core.schema(ring[2]["y"][:3]), ring[2]["given"][:3])["point"].shape == (3, 2)


def test_objectives_without_two_roles_are_refused(ring):
    with pytest.raises(InputError, match="swap the roles"):
        core_of(ring, objective="gmmn")
