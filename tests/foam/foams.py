"""Small random foams and steppers."""

import numpy as np
import torch
from tensordict import TensorDict

from physgan_foam.networks.stepper import FoamStepper


def random_labels(seed, size=48, bubbles=20):
    """Nearest of random sites on a torus: a foam without films to draw."""
    rng = np.random.default_rng(seed)
    sites = rng.random((bubbles, 2)) * size
    y, x = np.mgrid[:size, :size] + 0.5
    away = np.stack([y, x], -1)[:, :, None] - sites
    away -= size * np.round(away / size)
    return torch.from_numpy((away**2).sum(-1).argmin(-1).astype(np.int32))


def random_stepper(seed, **options):
    torch.manual_seed(seed)
    stepper = FoamStepper(4, width=16, dilations=(1, 2), **options)
    for layer in (stepper.net.head, stepper.net.film[2]):
        torch.nn.init.normal_(layer.weight, std=0.3)
    return stepper.eval()


def state_of(*labels):
    rows = torch.stack(labels)
    block = torch.ones(len(rows), dtype=torch.int16)
    return TensorDict({"labels": rows, "block": block}, [len(rows)])
