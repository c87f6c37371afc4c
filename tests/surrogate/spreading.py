"""Fields that spread and drift on a torus, and a small core that learns how."""

import math

import numpy as np
import torch

from physgan.conditions import ConditionSchema
from physgan.cores import StepperGAN
from physgan.surrogate.fields import FieldDomain
from physgan.surrogate.readers import Sequences

SIDE, ROWS = 8, 6
SMALL = {"width": 8, "dilations": (1,)}
PLAYING = {"adversarial": 0.1, "adversarial_from": 0.0, "regularizer_interval": 1}


class Spreading(FieldDomain):
    """Random fields of two channels that spread and drift."""

    def sequences(self, path=None):
        random = torch.Generator().manual_seed(0)
        frames = [torch.randn(10, 2, SIDE, SIDE, generator=random)]
        for _ in range(5):
            last = frames[-1]
            frames.append(0.6 * last + 0.4 * last.roll((1, 1), dims=(2, 3)))
        times = np.tile(np.arange(6.0), (10, 1))
        return Sequences(torch.stack(frames, dim=1).numpy(), times, {}, "made on the spot")


def made(domain=None, **options):
    domain = domain or Spreading(passes=2)
    train = domain.load(None, "train").batch
    torch.manual_seed(0)
    options = {"network": SMALL, "critic_network": {"width": 8}, "grow_until": 0.0, **options}
    core = StepperGAN(domain, ConditionSchema(domain.properties, train["y"]), **options)
    return core, train


def gradients(turn, core):
    """Differentiate as the game does; the sizes of what every player's parameters got."""
    core.zero_grad(set_to_none=True)
    for place, loss in enumerate(turn.losses):
        assert math.isfinite(float(loss.value))
        own = [p for n in loss.players for p in core.players[n].parameters()]
        loss.value.backward(inputs=own, retain_graph=place + 1 < len(turn.losses))
    return {
        name: sum(float(p.grad.abs().sum()) for p in net.parameters() if p.grad is not None)
        for name, net in core.players.items()
    }
