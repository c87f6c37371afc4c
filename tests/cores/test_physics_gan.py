"""The physics-informed GAN: who gets which gradient, what the laws see, and that it learns."""

import pytest
import torch
from tensordict import TensorDict

from physgan.conditions import ConditionSchema
from physgan.cores import PhysicsGAN, resting
from physgan.domain import Projection, Property
from physgan.errors import InputError
from physgan.testing import GaussianRing


@pytest.fixture
def ring():
    domain = GaussianRing(rows=256)
    data = domain.load(None, "train").batch
    return domain, ConditionSchema(domain.properties, data["y"]), data


def core_of(ring, **options):
    torch.manual_seed(0)
    domain, schema, _ = ring
    return PhysicsGAN(domain, schema, **{"latent_dim": 4, "regularizer_interval": 1, **options})


def gradients(loss, network):
    wanted = [p for p in network.parameters() if p.requires_grad]
    return torch.autograd.grad(loss, wanted, retain_graph=True, materialize_grads=True)


def same(found, wanted):
    return all(torch.allclose(a, b, atol=1e-7) for a, b in zip(found, wanted, strict=True))


def test_every_gradient_is_that_of_the_networks_own_loss(ring):
    core, batch = core_of(ring, condition_drop=0.0, feature=0.3), ring[2][:32]
    opt, x, given = core.options, batch["x"], batch["given"]
    condition = core.schema(batch["y"])

    torch.manual_seed(3)
    core.schema.drop(condition, 0.0)
    made = core.generator(torch.randn(32, opt.latent_dim), condition, given)
    fake = core._project(made, given)
    assert core.critic is not None and core.heads is not None
    with resting(core.critic, core.heads):
        real = core.critic(x, condition, given)
        said = core.critic(fake, condition, given)
        against = opt.adversarial * core.objective.generator_loss(real, said)
        gap = said.features.mean(0) - real.features.mean(0)
        against = against + opt.feature * gap.square().mean()
        against = against + opt.auxiliary * core.heads.loss(said.features, condition)
    residual = {n: p.function(made, given).mean() for n, p in core.penalties.items()}
    own = gradients(against + core.multipliers(residual), core.generator)

    torch.manual_seed(3)
    steps = []
    for turn in core.turns(lambda: batch, step=0):
        core.zero_grad(set_to_none=True)
        (loss,) = turn.losses
        inputs = [p for n in loss.players for p in core.players[n].parameters() if p.requires_grad]
        loss.value.backward(inputs=inputs)
        moved = {
            n for n, net in core.players.items() for p in net.parameters() if p.grad is not None
        }
        assert moved == set(turn.step)
        steps.append(turn.step)
    assert steps == [("critic",), ("generator",)]
    assert same([p.grad for p in core.generator.parameters() if p.requires_grad], own)


def test_the_critic_sees_what_is_projected_and_the_laws_what_is_not(ring, monkeypatch):
    domain, schema, data = ring

    def nothing(x, given):
        out = x.clone(recurse=False)
        out["point"] = 0 * x["point"]
        return out

    monkeypatch.setattr(domain, "projections", lambda: (Projection("to zero", "beyond", nothing),))
    core, seen = core_of((domain, schema, data)), []
    forward, (law,) = core.critic.forward, core.penalties.values()
    monkeypatch.setattr(core.critic, "forward", lambda x, *a: seen.append(x) or forward(x, *a))
    judged = []
    object.__setattr__(law, "function", lambda x, g: judged.append(x) or x["point"].square().sum(1))
    list(core.turns(lambda: data[:8], step=0))
    assert any(not x["point"].any() for x in seen) and judged[0]["point"].all()


def test_n_critic_counts_critic_turns(ring):
    core = core_of(ring, n_critic=3)
    assert [t.step for t in core.turns(lambda: ring[2][:8], step=0)] == [("critic",)] * 3 + [
        ("generator",)
    ]


def test_a_gan_without_a_critic_is_refused(ring):
    with pytest.raises(InputError, match="adversarial is 0"):
        core_of(ring, adversarial=0.0)
    with pytest.raises(InputError, match="no option beta"):
        core_of(ring, beta=1.0)


def test_a_differentiable_formula_is_asked_of_the_sample_itself(ring):
    domain, _, data = ring
    radius = Property(
        "radius", exact=lambda x: x["point"].norm(dim=1), differentiable=True, log=True
    )
    y = TensorDict({"radius": radius.exact(data["x"])}, data.batch_size)  # type: ignore[misc]
    torch.manual_seed(0)
    core = PhysicsGAN(domain, ConditionSchema([radius], y), latent_dim=4, condition_drop=0.0)
    batch = TensorDict({"x": data["x"], "y": y, "given": data["given"]}, data.batch_size)[:32]
    turns = list(core.turns(lambda: batch, 0))
    asked = turns[-1].logs["asked"]
    made = core.sample(core.schema(batch["y"]), batch["given"])
    own = core.schema.gap({"radius": radius.exact(made)}, core.schema(batch["y"]))  # type: ignore[misc]
    assert float(asked) > 0 and float(own) > 0
    silent = PhysicsGAN(domain, core.schema, latent_dim=4, asked=0.0)
    assert "asked" not in list(silent.turns(lambda: batch, 0))[-1].logs


def test_penalties_are_taken_in_units_that_the_critic_prepares(ring, monkeypatch):
    core, batch = core_of(ring), ring[2][:32]
    core.critic.prepare = lambda x: TensorDict({"point": 10 * x["point"]}, x.batch_size)
    given = []
    plain = core.regularizer.forward
    monkeypatch.setattr(
        core.regularizer,
        "forward",
        lambda f, real, fake: given.append(real) or plain(f, real, fake),
    )
    list(core.turns(lambda: batch, 0))
    assert torch.equal(given[0]["point"], 10 * batch["x", "point"])
