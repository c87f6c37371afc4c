"""The prior's last lesson leaves all else as it is and makes held-out encodings likelier."""

import torch

from physgan.conditions import ConditionSchema
from physgan.cores import VAEGAN
from physgan.testing import GaussianRing


def ring_core():
    torch.manual_seed(0)
    domain = GaussianRing(rows=512)
    train, held = (domain.load(None, split).batch for split in ("train", "val"))
    schema = ConditionSchema(domain.properties, train["y"])
    core = VAEGAN(domain, schema, latent_dim=4, adversarial=0.0, prior={"hidden": 16})
    with torch.no_grad():
        core.encoder.net[-1].weight.mul_(6)
    return core.eval().requires_grad_(False), train, held


def test_settling_raises_the_held_out_likelihood_of_the_prior_alone():
    core, train, held = ring_core()
    before = {name: value.clone() for name, value in core.state_dict().items()}
    figures = core.settle(train, held, seconds=1.5)
    assert figures["after"] > figures["before"] + 0.1
    changed = {
        name for name, value in core.state_dict().items() if not torch.equal(value, before[name])
    }
    assert changed and all(name.startswith(("prior.", "resampler.")) for name in changed)
    assert not any(p.requires_grad for p in core.parameters())


def test_settling_never_keeps_worse_weights(monkeypatch):
    core, train, held = ring_core()
    good = core.settle(train, held, seconds=1.0)
    wrong = train.clone()
    wrong["x", "point"] = wrong["x", "point"] * 0
    again = core.settle(wrong, held, seconds=0.5)
    assert again["after"] >= again["before"] >= good["after"] - 1e-4


def test_typical_conditions_follow_the_data():
    """One known property: the values asked for have the distribution of the training values."""
    domain = GaussianRing(rows=2048)
    y = domain.load(None, "train").batch["y"]
    schema = ConditionSchema(domain.properties[1:], y)
    torch.manual_seed(0)
    asked = schema.typical(20_000)
    assert asked[:, 1].min() == 1
    # Stratified, so that nearly nothing is left to chance.
    assert abs(asked[:, 0].mean()) < 0.003 and abs(asked[:, 0].std() - 1) < 0.005


def test_typical_conditions_ask_one_property_at_a_time():
    domain = GaussianRing(rows=256)
    twice = (domain.properties[1], type(domain.properties[1])("other"))
    y = domain.load(None, "train").batch["y"]
    y["other"] = y["radius"] * 2
    asked = ConditionSchema(twice, y).typical(64)
    assert torch.equal(asked[:, 1] + asked[:, 3], torch.ones(64))
