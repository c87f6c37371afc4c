"""BiGAN: identical joints leave the critic at log 4, and encoder and generator learn."""

import math

import pytest
import torch
from tensordict import TensorDict
from torch import nn

from physgan import objectives
from physgan.conditions import ConditionSchema
from physgan.cores import BiGAN
from physgan.domain import Verdict
from physgan.errors import InputError
from physgan.objectives import OBJECTIVES
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


def whitened(rows):
    """Normal rows whose mean is exactly zero and whose covariance is exactly the identity."""
    z = torch.randn(rows, 2, dtype=torch.double)
    z = z - z.mean(0)
    return z @ torch.linalg.inv(torch.linalg.cholesky(z.T @ z / rows)).T


def best_critic_loss(core):
    """Over rows whose first and second moments, all that the critic reads, are the population's."""
    torch.manual_seed(1)
    z, other, rows = whitened(200), whitened(200), 200
    empty, nothing = TensorDict({}, [rows]), torch.zeros(rows, core.schema.dim).double()
    with torch.no_grad():
        x = core.generator(other, nothing, empty)
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
    assert best_critic_loss(core) == pytest.approx(math.log(4), abs=1e-6)
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


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
def test_every_objective_brings_the_joints_nearer(ring, name):
    """Both makers go against the critic, each on its own pair; what generator_loss says of the
    fake pair, the makers' loss says too."""
    core = core_of(ring, objective=name)
    objective = core.objective
    for buffer in objective.buffers():
        buffer.fill_(0.5)
    generator = torch.Generator().manual_seed(0)
    # Scores between the labels 0 and 1, so that every critic still pulls them apart.
    leaves = [torch.rand(8, generator=generator), torch.randn(8, 5, generator=generator) + 1]
    leaves += [torch.rand(8, generator=generator), torch.randn(8, 5, generator=generator)]
    leaves = [leaf.double().requires_grad_() for leaf in leaves]
    real, fake = Verdict(*leaves[:2]), Verdict(*leaves[2:])

    def slope(loss):
        found = torch.autograd.grad(loss, leaves, materialize_grads=True)
        return [torch.cat([s.flatten() for s in found[side]]) for side in (slice(2), slice(2, 4))]

    makers = slope(core._makers_loss(real, fake))
    assert _cosine(makers[1], slope(objective.generator_loss(real, *core.fakes(fake)))[1]) > 0.5
    # The Cramér critic's surrogate has |h(x)| where the distance has |h(x) - h(x')|.
    if objective.needs_critic and objective.fakes == 1:
        critic = slope(objective.critic_loss(real, *core.fakes(fake)))
        assert all(_cosine(m, c) < 0 for m, c in zip(makers, critic, strict=True))


def test_makers_descend_the_energy_distance_of_both_batches(ring):
    """With the rows' own neighbours as second draws: 2 E|R - F| - E|R - R'| - E|F - F'|."""
    core = core_of(ring, objective="cramer")
    generator = torch.Generator().manual_seed(1)
    r, f = (torch.randn(6, 3, generator=generator).double().requires_grad_() for _ in range(2))
    far = lambda a, b: (a - b).norm(dim=1).mean()  # noqa: E731
    pairs = far(r, f) + (far(r.detach(), f.roll(-1, 0)) + far(f.detach(), r.roll(-1, 0)))
    paid = core._makers_loss(*(Verdict(torch.zeros(6), rows) for rows in (r, f)))
    shifted = far(r.detach(), f.roll(1, 0)) + far(f.detach(), r.roll(1, 0))
    wanted = far(r, f) + shifted - far(r, r.roll(1, 0)) - far(f, f.roll(1, 0))
    for one, other in zip(*(torch.autograd.grad(v, (r, f)) for v in (paid, wanted)), strict=True):
        torch.testing.assert_close(one, other)
    assert float(pairs) > 0


def test_equal_joints_have_no_discrepancy_and_matching_moves_both_makers(ring):
    core = core_of(ring, objective="gmmn")
    assert set(core.players) == {"generator", "encoder"}
    rows = Verdict(torch.zeros(64), torch.randn(64, 4))
    other = Verdict(torch.zeros(64), torch.randn(64, 4) + 2)
    near, far = (float(core._makers_loss(rows, v)) for v in (rows, other))
    assert near < 0.1 * far
    (turn,) = core.turns(lambda: ring[2][:32], 0)
    parameters = [p for n in turn.step for p in core.players[n].parameters()]
    slopes = torch.autograd.grad(turn.losses[0].value, parameters, materialize_grads=True)
    for network in (core.generator, core.encoder):
        own = {id(p) for p in network.parameters()}
        assert any(
            s.abs().sum() > 0 for p, s in zip(parameters, slopes, strict=True) if id(p) in own
        )


@pytest.mark.parametrize("name", ["non-saturating", "mcgan-mean", "ebgan", "cramer", "mmd-gan"])
def test_the_critic_judges_pairs_not_samples(ring, name):
    """Score, features and energy depend on the latent, and not linearly."""
    core = core_of(ring, objective=name)
    core.joint_critic.eval()
    x, given = ring[2]["x"][:16], ring[2]["given"][:16]
    condition = torch.zeros(16, core.schema.dim)
    z = torch.randn(16, 2)
    low, middle, high = (
        core._judge(core._joint(x, scale * z), condition, given) for scale in (-1.0, 0.0, 1.0)
    )
    for part in ("score", "features"):
        one, two, three = (getattr(v, part) for v in (low, middle, high))
        assert not torch.allclose(one, three) and not torch.allclose((one + three) / 2, two)


def _cosine(a, b):
    return float(torch.cosine_similarity(a, b, dim=0))


@pytest.mark.parametrize("name", ["mcgan-mean", "mcgan-covariance"])
def test_a_small_step_of_the_makers_lowers_the_distance_of_the_moments(ring, name):
    core, batch = core_of(ring, objective=name, regularizer="none"), ring[2][:64]

    def play():
        torch.manual_seed(5)
        critic, makers = core.turns(lambda: batch, 0)
        assert float(critic.logs["critic"]) == pytest.approx(-float(makers.logs["adversarial"]))
        return makers

    makers = play()
    players = [p for n in makers.step for p in core.players[n].parameters()]
    slopes = torch.autograd.grad(makers.losses[0].value, players, materialize_grads=True)
    with torch.no_grad():
        for parameter, each in zip(players, slopes, strict=True):
            parameter -= 1e-3 * each
    assert 0 < float(play().logs["adversarial"]) < float(makers.logs["adversarial"])


def test_what_holds_the_critic_back_is_the_critics_alone():
    """The smoothed label, and the multiplier of a bounded second moment."""
    fisher = objectives.build("fisher")
    fisher.multiplier.fill_(7.0)
    high, low = (Verdict(torch.tensor([score, score + 2])) for score in (3.0, 1.0))
    assert float(fisher.makers_loss(high, low)) == 2.0
    said = Verdict(torch.tensor([4.0]).requires_grad_())
    loss = objectives.build("non-saturating", real_target=0.9).makers_loss(said, said)
    assert float(loss) == pytest.approx(math.log1p(math.exp(-4)) + math.log1p(math.exp(4)))


def test_the_critic_may_be_regularised_by_the_domains_augmentation(ring):
    constants = {"transform": "domain", "weight": 100.0}
    core = core_of(ring, regularizer="consistency", regularizer_constants=constants)
    plain = core_of(ring, regularizer="none")
    found = []
    for one in (core, plain):
        torch.manual_seed(2)
        found.append(float(next(one.turns(lambda: ring[2][:32], 0)).losses[0].value))
    assert found[0] > found[1]


def test_options_that_mean_nothing_here_are_unknown(ring):
    for option in ("laws", "pool"):
        with pytest.raises(InputError, match=f"no option {option}"):
            core_of(ring, **{option: 1})
