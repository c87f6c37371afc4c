"""The VAE-GAN: no network receives another's gradient, and its terms have known values."""

import math

import pytest
import torch
from tensordict import TensorDict
from torch.nn.functional import softplus

from physgan.conditions import ConditionSchema
from physgan.cores import VAEGAN, resting
from physgan.cores.prior import FlowPrior
from physgan.errors import InputError
from physgan.testing import GaussianRing


@pytest.fixture
def ring():
    domain = GaussianRing(rows=256)
    data = domain.load(None, "train").batch
    schema = ConditionSchema(domain.properties, data["y"])
    return domain, schema, data


def core_of(ring, **options):
    torch.manual_seed(0)
    domain, schema, _ = ring
    options = {"latent_dim": 4, "start": 0, "regularizer_interval": 1, **options}
    return VAEGAN(domain, schema, **options)


def gradients(loss, network):
    wanted = [p for p in network.parameters() if p.requires_grad]
    return torch.autograd.grad(loss, wanted, retain_graph=True, materialize_grads=True)


def same(found, wanted):
    return all(torch.allclose(a, b, atol=1e-7) for a, b in zip(found, wanted, strict=True))


def play(core, batch, seed):
    """Differentiate every turn as the trainer does; yields (turn, grads by player) unstepped."""
    torch.manual_seed(seed)
    for turn in core.turns(lambda: batch, step=10):
        for network in core.players.values():
            network.zero_grad(set_to_none=True)
        for place, loss in enumerate(turn.losses):
            inputs = [
                p for n in loss.players for p in core.players[n].parameters() if p.requires_grad
            ]
            loss.value.backward(inputs=inputs, retain_graph=place < len(turn.losses) - 1)
        yield (
            turn,
            {
                name: [p.grad for p in network.parameters() if p.requires_grad]
                for name, network in core.players.items()
            },
        )


PAPER = {"likelihood": "features", "fakes": "sum", "objective": "non-saturating"}


@pytest.mark.parametrize("form", [{}, PAPER], ids=["default", "paper"])
def test_every_gradient_is_that_of_the_networks_own_loss(ring, form):
    core, batch = core_of(ring, condition_drop=0.0, **form), ring[2][:32]
    opt, x, given = core.options, batch["x"], batch["given"]
    condition = core.schema(batch["y"])

    torch.manual_seed(3)
    core.schema.drop(condition, 0.0)
    mean, log_variance = core.encoder(x, condition, given)
    posterior = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    z = posterior.rsample()
    warm = (11 / opt.beta_warmup) ** 2
    kl = posterior.log_prob(z).sum(1) - core.prior.log_prob(z, condition)
    nll = core.generator.nll(x, z, condition, given)["point"]
    elbo = nll.mean() + opt.beta * warm * kl.mean()
    again = core.generator.reconstruct(x, z if form else z.detach(), condition, given)
    with torch.no_grad():
        drawn = core.prior.sample(condition)
    prior_fake = core.generator(drawn, condition, given)
    for projection in core.projections:
        prior_fake = projection.function(prior_fake, given)
    fakes = (again, prior_fake)

    assert core.critic is not None and core.heads is not None
    real = core.critic(x, condition, given)
    said = [core.critic(f.detach(), condition, given) for f in fakes]
    if form:
        scores = [-real.score, *(verdict.score for verdict in said)]
        critic_loss = sum(softplus(score).mean() for score in scores)
    else:
        critic_loss = sum(core.objective.critic_loss(real, v) for v in said) / 2
    critic_loss = critic_loss + core.heads.loss(real.features, condition)
    point = x["point"].clone().requires_grad_(True)
    score = core.critic(TensorDict({"point": point}, [32]), condition, given).score
    (slope,) = torch.autograd.grad(score.sum(), point, create_graph=True)
    gamma = core.regularizer.regularizer.hparams["gamma"]
    critic_loss = critic_loss + gamma / 2 * slope.square().sum(1).mean()

    with resting(core.critic, core.heads):
        calm = core.critic(x, condition, given)
        said = [core.critic(f, condition, given) for f in fakes]
        against = sum(core.objective.generator_loss(calm, v) for v in said)
        feature = (said[0].features - calm.features).square()
        against, feature = (
            (against, feature.sum() / 32 / 2) if form else (against / 2, feature.mean())
        )
        auxiliary = core.heads.loss(said[1].features, condition)
    residual = {n: p.function(prior_fake, given).mean() for n, p in core.penalties.items()}
    if form:
        elbo = opt.beta * warm * kl.mean() + feature
    generator_loss = 0 if form else elbo
    generator_loss = generator_loss + opt.adversarial * against + opt.feature * feature
    generator_loss = generator_loss + opt.auxiliary * auxiliary + core.multipliers(residual)

    own = {
        "encoder": gradients(elbo, core.encoder),
        "prior": gradients(elbo, core.prior),
        "generator": gradients(generator_loss, core.generator),
        "critic": gradients(critic_loss, core.players["critic"]),
    }
    turns = list(play(core, batch, seed=3))
    assert [turn.step for turn, _ in turns] == [("critic",), ("encoder", "generator", "prior")]
    (_, critic_turn), (_, maker_turn) = turns
    assert same(critic_turn["critic"], own["critic"])
    for name in ("encoder", "prior", "generator"):
        assert same(maker_turn[name], own[name]), name
        assert all(g is None for g in critic_turn[name]), f"{name} moved in the critic's turn"
    assert all(g is None for g in maker_turn["critic"]), "the critic moved in the makers' turn"


@pytest.mark.parametrize(("fakes", "terms"), [("mean", 2), ("sum", 3)])
def test_the_gan_term_at_an_undecided_critic_is_a_ln_half_for_each_term(ring, fakes, terms):
    options = {"objective": "minimax", "regularizer": "none", "condition_drop": 0.0}
    core = core_of(ring, fakes=fakes, auxiliary=0.0, **options)
    with torch.no_grad():
        for parameter in core.critic.parameters():
            parameter.zero_()
    turn, _ = next(play(core, ring[2][:32], seed=0))
    # By default both fakes share the weight of one; the paper adds three terms.
    assert -turn.logs["critic"].item() == pytest.approx(terms * math.log(0.5), abs=1e-6)


def test_the_papers_form_begins_with_its_critic_and_computes_a_turn_again(ring):
    core = core_of(ring, start=5, **PAPER)
    early, late = (list(core.turns(lambda: ring[2][:8], step=s))[-1] for s in (4, 5))
    assert [loss.players for loss in early.losses] == [("encoder", "generator", "prior")]
    assert [loss.players for loss in late.losses] == [("encoder", "prior"), ("generator",)]
    for loss, again in zip(late.losses, late.again(), strict=True):
        assert loss.players == again.players and torch.allclose(loss.value, again.value)


@pytest.mark.parametrize(
    "wrong",
    [{"adversarial": 0.0}, {"objective": "gmmn", "fakes": "mean"}, {"interval": 2}],
)
def test_the_papers_form_needs_a_critic_that_always_plays(ring, wrong):
    with pytest.raises(InputError, match="a critic that plays in every step"):
        core_of(ring, **(PAPER | wrong))


def test_fakes_are_added_where_the_critics_loss_is_a_sum(ring):
    with pytest.raises(InputError, match=r"'rpgan' is no sum.*non-saturating"):
        core_of(ring, fakes="sum")


def test_kl_against_a_standard_normal_has_its_closed_form():
    mean, scale = torch.tensor([1.0, 0.0]), torch.tensor([1.0, 2.0])
    prior = FlowPrior(2, 0, transforms=1, hidden=8)
    with torch.no_grad():
        for parameter in prior.parameters():
            parameter.zero_()
    # The terms are quadratic in z: four draws with the moments of all of them give the mean.
    noise = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * 2)
    posterior = torch.distributions.Normal(mean.expand(4, 2), scale)
    z, empty = mean + scale * noise, torch.zeros(4, 0)
    kl = (posterior.log_prob(z).sum(1) - prior.log_prob(z, empty)).mean().item()
    assert kl == pytest.approx(1.3068528194, abs=1e-6)


def test_the_flow_is_a_density_and_samples_it():
    torch.manual_seed(0)
    prior = FlowPrior(1 + 1, 1, transforms=3, hidden=16)
    axis = torch.linspace(-12, 12, 401)
    grid = torch.cartesian_prod(axis, axis)
    condition = torch.ones(len(grid), 1)
    with torch.no_grad():
        mass = prior.log_prob(grid, condition).exp().sum() * (24 / 400) ** 2
        drawn = prior.sample(torch.ones(20_000, 1))
        weights = prior.log_prob(grid, condition).exp() * (24 / 400) ** 2
    assert mass.item() == pytest.approx(1.0, abs=1e-3)
    assert torch.allclose(drawn.mean(0), (weights.unsqueeze(1) * grid).sum(0), atol=0.05)


def test_without_an_adversary_no_critic_is_built(ring):
    core = core_of(ring, adversarial=0.0, laws=False)
    assert set(core.players) == {"encoder", "generator", "prior"}
    turns = list(core.turns(lambda: ring[2][:8], step=10))
    assert len(turns) == 1 and len(turns[0].losses) == 1


def test_the_critic_waits_for_its_start(ring):
    core = core_of(ring, start=5)
    assert len(list(core.turns(lambda: ring[2][:8], step=4))) == 1
    assert len(list(core.turns(lambda: ring[2][:8], step=5))) == 2


def test_between_intervals_the_critic_rests(ring):
    core = core_of(ring, start=5, interval=3)
    moves = [len(list(core.turns(lambda: ring[2][:8], step=s))) for s in range(4, 10)]
    assert moves == [1, 2, 1, 1, 2, 1]


def test_n_critic_counts_critic_turns(ring):
    core = core_of(ring, n_critic=3)
    steps = [turn.step for turn in core.turns(lambda: ring[2][:8], step=10)]
    assert steps == [("critic",)] * 3 + [("encoder", "generator", "prior")]


def test_weight_clipping_reaches_the_critic(ring):
    core = core_of(ring, objective="wgan-clip", objective_constants={"c": 0.01})
    list(core.turns(lambda: ring[2][:8], step=10))
    assert max(p.abs().max().item() for p in core.critic.parameters()) <= 0.01


def test_spectral_norm_is_an_option(ring):
    core = core_of(ring, spectral_norm=True)
    weight = core.critic.score.weight
    assert torch.linalg.matrix_norm(weight, 2).item() == pytest.approx(1.0, abs=1e-3)


def test_an_unknown_option_is_named(ring):
    with pytest.raises(InputError, match="no option betta"):
        core_of(ring, betta=1.0)


def test_an_infinite_tolerance_leaves_a_law_out(ring):
    assert set(core_of(ring).penalties) == {"beyond"}
    assert not core_of(ring, tolerances={"beyond": math.inf}).penalties


def test_training_learns_the_ring(ring):
    """Nine in ten samples lie within four deviations of a mode, and every mode is found."""
    domain, _, data = ring
    core = core_of(ring, beta_warmup=1, start=400, adversarial=0.02, interval=2)
    networks = dict(core.players)
    optimisers = {n: torch.optim.Adam(m.parameters(), lr=3e-3) for n, m in networks.items()}
    torch.manual_seed(1)
    for step in range(500):
        rows = torch.randint(len(data), (128,))
        for turn in core.turns(lambda rows=rows: data[rows], step):
            for network in networks.values():
                network.zero_grad(set_to_none=True)
            for place, loss in enumerate(turn.losses):
                inputs = [p for n in loss.players for p in networks[n].parameters()]
                loss.value.backward(inputs=inputs, retain_graph=place < len(turn.losses) - 1)
            for name in turn.step:
                optimisers[name].step()
    wanted = torch.arange(2000) % 8
    condition = core.schema({"mode": wanted})
    point = core.sample(condition, TensorDict({}, [2000]))["point"]
    away = (point - domain.centres[wanted]).norm(dim=1)
    assert (away < 4 * domain.sigma).double().mean() > 0.9


def test_a_prior_without_transforms_is_the_standard_normal_and_learns_nothing(ring):
    core = core_of(ring, prior={"transforms": 0})
    assert "prior" not in core.players and "prior" not in core.averaged
    batch = ring[2][:32]
    for turn, found in play(core, batch, 0):
        assert "prior" not in turn.step
        assert all(g is not None for name in turn.step for g in found[name])
    z, condition = torch.zeros(3, 4), core.schema(batch["y"])[:3]
    known = torch.full((3,), -2 * math.log(2 * math.pi))
    torch.testing.assert_close(core.prior.log_prob(z, condition), known)
    many = core.prior.sample(condition[:1].expand(20_000, -1))
    assert many.shape == (20_000, 4) and abs(many.mean()) < 0.02 and abs(many.std() - 1) < 0.02
    assert core.settle(batch, batch, 1.0) == {}
