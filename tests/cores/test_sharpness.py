"""Sharpness-aware steps in every core: a turn computed again is itself, at other weights."""

import io
from itertools import islice

import pytest
import torch
from rich.console import Console

from physgan.conditions import ConditionSchema
from physgan.cores import VAEGAN, AugmentedCycleGAN, BiGAN, CycleGAN, PhysicsGAN
from physgan.pair import Pair
from physgan.testing import GaussianRing
from physgan.training.options import TrainerOptions
from physgan.training.progress import Reporter
from physgan.training.trainer import Trainer

HELD = {
    "objective": "non-saturating",
    "regularizer_interval": 2,
    "augmentation": "domain",
    "augmentation_constants": {"adaptive": True, "images": 400, "interval": 1},
}
PAIRED = {CycleGAN: {"pool": 10, "identity": 0.5}, AugmentedCycleGAN: {"pool": 10}}
SINGLE = {
    BiGAN: {"recover": 0.5},
    PhysicsGAN: {"feature": 0.1},
    VAEGAN: {"start": 0, "adversarial": 1.0},
}
CORES = pytest.mark.parametrize("kind", [*PAIRED, *SINGLE])


def game(kind, **more):
    """A core with all that changes from move to move, and its data."""
    torch.manual_seed(0)
    ring = GaussianRing(rows=16)
    if kind in PAIRED:
        pair = Pair(ring, GaussianRing(modes=3, rows=16))
        core, data = kind(pair, **HELD, **PAIRED[kind], **more), pair.load(None, "train").batch
    else:
        data = ring.load(None, "train").batch
        schema = ConditionSchema(ring.properties, data["y"])
        core = kind(ring, schema, latent_dim=4, **HELD, **SINGLE[kind], **more)
    for name, buffer in core.named_buffers():
        if name.endswith("augmentation.probability"):
            buffer.fill_(0.5)
    return core, data


def turn_of(core, batch, place):
    """The turn number ``place`` of a step in which nobody moves."""
    torch.manual_seed(7)
    return next(islice(core.turns(lambda: batch, 0), place, None))


def slopes(core, losses):
    """The gradient of each player's own losses."""
    found = {}
    for loss in losses:
        for name in loss.players:
            own = list(core.players[name].parameters())
            grads = torch.autograd.grad(loss.value, own, retain_graph=True, materialize_grads=True)
            before = found.get(name, [0.0] * len(own))
            found[name] = [a + b for a, b in zip(before, grads, strict=True)]
    return found


@CORES
def test_the_second_gradient_is_that_of_a_game_at_the_worse_point(kind):
    rho = 0.05
    places = len(list(game(kind)[0].turns(lambda: game(kind)[1], 0)))
    assert places == (3 if kind is AugmentedCycleGAN else 2)
    for place in range(places):
        core, batch = game(kind)
        other, _ = game(kind)
        turn = turn_of(core, batch, place)
        first = slopes(core, turn.losses)
        for moved in (core, other):
            for name in turn.step:
                norm = torch.cat([s.flatten() for s in first[name]]).norm()
                for p, slope in zip(moved.players[name].parameters(), first[name], strict=True):
                    p.data += rho * slope / norm
        assert turn.again is not None
        here = slopes(core, turn.again())
        there = slopes(other, turn_of(other, batch, place).losses)
        for name in turn.step:
            for a, b in zip(here[name], there[name], strict=True):
                torch.testing.assert_close(a, b)
            flat = [torch.cat([s.flatten() for s in each[name]]) for each in (here, first)]
            assert not torch.equal(*flat)


def trained(kind, folder, **options):
    core, data = game(kind, n_critic=2)
    told = TrainerOptions(steps=5, batch_size=8, accelerator="cpu", **options)
    quiet = Reporter(Console(file=io.StringIO(), force_terminal=False))
    trainer = Trainer(core, data, options=told, folder=folder, reporter=quiet)
    trainer.fit()
    return trainer


@CORES
def test_a_step_to_no_distance_is_the_plain_step(kind, tmp_path):
    """Bit by bit, with what pools, lazy regularisers and adaptive augmentations count."""
    plain = trained(kind, tmp_path / "plain")
    sharp = trained(kind, tmp_path / "sharp", optimiser="sam", sam_rho=1e-30)
    one, two = plain.core.state_dict(), sharp.core.state_dict()
    counted = 0
    for name, value in one.items():
        if torch.is_tensor(value):
            assert torch.equal(value, two[name]), name
            counted += name.endswith("probability") and float(value) != 0.5
        elif value:
            rows = value["rows"]
            assert torch.equal(rows["x"]["point"], two[name]["rows"]["x"]["point"])
    assert counted
    far = trained(kind, tmp_path / "far", optimiser="sam", sam_rho=0.1).core.state_dict()
    assert any(torch.is_tensor(v) and not torch.equal(v, far[n]) for n, v in one.items())
