"""A predictor at rest that guides a generator, and heads that read bins."""

import math

import pytest
import torch
from tensordict import TensorDict
from torch import nn

from physgan.conditions import ConditionSchema
from physgan.cores import VAEGAN, PhysicsGAN
from physgan.cores.guide import Guide
from physgan.cores.heads import PropertyHeads
from physgan.domain import Property
from physgan.errors import InputError
from physgan.predictors.ensemble import Predictor
from physgan.predictors.member import Outputs
from physgan.testing import GaussianRing


class Said(nn.Module):
    """A member that says the logarithm of the first coordinate, and the sign of the second."""

    def forward(self, x, given):
        point = x["point"]
        up = point[:, 1]
        return Outputs(
            point[:, :1].log(), torch.zeros(len(point), 1), (torch.stack([-up, up], dim=1),)
        )


WIDTH = Property("width", "m", log=True)
SIDE = Property("side", classes=("down", "up"))


def guide_of(properties=(WIDTH, SIDE)):
    y = TensorDict({"width": torch.tensor([1.0, math.e**2]), "side": torch.tensor([0, 1])}, [2])
    schema = ConditionSchema(properties, y)
    predictor = Predictor([Said()], properties, torch.zeros(1), torch.ones(1))
    return Guide(predictor, schema), schema


def points(rows):
    leaf = torch.tensor(rows).requires_grad_()
    return TensorDict({"point": leaf}, [len(rows)]), leaf


def test_the_gap_is_huber_in_standard_units_plus_cross_entropy():
    guide, schema = guide_of()
    x, leaf = points([[math.e, 0.7], [math.e, -0.2]])
    asked = schema({"width": torch.tensor([math.e**1.5, math.nan]), "side": torch.tensor([-1, 1])})
    gap = guide.gap(x, TensorDict({}, [2]), asked)
    # The logarithms 0 and 2 have the deviation sqrt 2, and 1 is 0.5 from 1.5.
    huber = 0.5 * (0.5 / math.sqrt(2)) ** 2
    cross = math.log(1 + math.exp(0.4))
    assert gap.item() == pytest.approx(huber + cross, rel=1e-4)
    gap.backward()
    # A wider first point and a higher second one would be nearer to what was asked.
    assert leaf.grad[0, 0] < 0 and leaf.grad[1, 1] < 0
    assert leaf.grad[0, 1] == 0 and leaf.grad[1, 0] == 0


def test_a_guide_without_a_predictor_says_what_to_do():
    with pytest.raises(InputError, match="fit it first"):
        Guide(None, guide_of()[1])


@pytest.mark.parametrize("kind", [PhysicsGAN, VAEGAN])
def test_a_guided_core_moves_its_generator_by_the_predictor_alone(kind):
    domain = GaussianRing(rows=64)
    batch = domain.load(None, "train").batch
    schema = ConditionSchema(domain.properties, batch["y"])

    def moved(weight):
        torch.manual_seed(0)
        options = {"guided": weight, "latent_dim": 4, "condition_drop": 0.0}
        core = kind(domain, schema, **options, **({"start": 0} if kind is VAEGAN else {}))

        class Mode(nn.Module):
            def forward(self, x, given):
                near = -(x["point"][:, None] - domain.centres).square().sum(dim=2)
                return Outputs(torch.zeros(len(x), 0), torch.zeros(len(x), 0), (8 * near,))

        if core.guided:
            empty = torch.zeros(0)
            core.follow(Predictor([Mode()], domain.properties[:1], empty, empty))
        torch.manual_seed(1)
        *_, turn = core.turns(lambda: batch[:16], 0)
        return turn

    plain, guided = moved(0.0), moved(2.0)
    assert "guided" not in plain.logs
    added = guided.losses[-1].value - plain.losses[-1].value
    assert guided.losses[-1].players == ("generator",)
    assert float(guided.logs["guided"]) > 0
    assert float(added) == pytest.approx(2 * float(guided.logs["guided"]), rel=1e-3)
    assert not any("member" in name or "guide" in name for name in plain.logs)


def test_heads_learn_the_value_and_its_bin():
    values = torch.linspace(-1, 1, 64)
    y = TensorDict({"a": values}, [64])
    schema = ConditionSchema([Property("a", bins=4)], y)
    condition = schema(y)
    torch.manual_seed(0)
    heads = PropertyHeads(2, schema)
    features = torch.stack([values, torch.ones(64)], dim=1)
    optimiser = torch.optim.Adam(heads.parameters(), lr=0.1)
    before = heads.loss(features, condition).item()
    for _ in range(300):
        optimiser.zero_grad()
        heads.loss(features, condition).backward()
        optimiser.step()
    assert heads.loss(features, condition).item() < 0.3 * before
    said = heads(features)
    assert torch.allclose(said[:, 0], condition[:, 0], atol=0.05)
    right = (said[:, 1:].argmax(dim=1) == condition[:, 1:5].argmax(dim=1)).float().mean()
    assert right > 0.9
    assert heads.loss(features, schema.unknown(64)).item() == 0


def test_heads_that_know_nothing_cost_ln_k_and_sure_ones_nothing():
    names = tuple("abcdefgh")
    schema = ConditionSchema((Property("kind", classes=names),))
    heads, label = PropertyHeads(8, schema), torch.arange(8)
    asked, features = schema({"kind": label}), torch.eye(8)
    with torch.no_grad():
        heads.linear.weight.zero_()
        heads.linear.bias.zero_()
    assert heads.loss(features, asked).item() == pytest.approx(math.log(8), abs=1e-6)
    with torch.no_grad():
        heads.linear.weight.copy_(40 * torch.eye(8))
    assert heads.loss(features, asked).item() == pytest.approx(0, abs=1e-6)
    assert heads.loss(features, schema.unknown(8)).item() == 0
