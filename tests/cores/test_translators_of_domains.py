"""Untrained translators of the shipped domains make samples of the size of the data."""

from functools import cache

import pytest
import torch

from physgan import domain as domains
from physgan.cores import AugmentedCycleGAN
from physgan.cores.translator import translator
from physgan.pair import Pair

NAMES = ("terrain", "protein", "crystal")
SEEDS = 4
FACTOR = 3.0
"""How many times the largest number of a leaf of the data, or 1 where that is less, an untrained
translator may say."""


@cache
def fitted(name):
    domain = domains.load(name)
    return domain, domain.load(None, "train").batch


def largest(x):
    return {key: float(leaf.detach().float().abs().max()) for key, leaf in x.items()}


def within(x, data):
    bounds = largest(data)
    return all(
        leaf.isfinite().all() and found <= FACTOR * max(1.0, bounds[key])
        for (key, found), leaf in zip(largest(x).items(), x.values(), strict=True)
    )


@pytest.mark.parametrize("target", NAMES)
@pytest.mark.parametrize("source", NAMES)
def test_an_untrained_translation_is_of_the_size_of_the_data(source, target):
    (a, from_), (b, into) = fitted(source), fitted(target)
    given = from_["given"][:4], into["given"][:4]
    for seed in range(SEEDS):
        torch.manual_seed(seed)
        with torch.no_grad():
            x = translator(a, b, 4)(from_["x"][:4], *given, torch.randn(4, 4))
        assert within(x, into["x"]), (seed, largest(x))


def test_terrain_is_translated_whatever_it_looks_like():
    """Features as far from zero as a layer's norm lets them be, at the first class or the last."""
    domain, data = fitted("terrain")
    torch.manual_seed(0)
    network = translator(domain, domain, 4).generator
    width = network.style[0].in_features - 2
    far = torch.diag(torch.full((width,), width**0.5))[[0, 3, 9, width - 1]]
    for sign in (-1, 1):
        with torch.no_grad():
            x = network(torch.randn(4, network.latent_dim), sign * far, data["given"][:4])
        assert within(x, data["x"])


@pytest.mark.parametrize("seed", range(2))
def test_a_core_of_two_terrains_stays_there_over_its_first_steps(seed):
    domain, _ = fitted("terrain")
    pair = Pair(domain, domain)
    torch.manual_seed(seed)
    core = AugmentedCycleGAN(pair)
    batch = pair.load(None, "train").batch[:2]
    optimisers = {n: torch.optim.Adam(m.parameters(), 1e-3) for n, m in core.players.items()}
    for step in range(2):
        for turn in core.turns(lambda: batch, step):
            core.zero_grad(set_to_none=True)
            for place, loss in enumerate(turn.losses):
                own = [p for n in loss.players for p in core.players[n].parameters()]
                last = place + 1 == len(turn.losses)
                loss.value.backward(inputs=own, retain_graph=not last)
            for name in turn.step:
                optimisers[name].step()
    with torch.no_grad():
        made = core.translate(batch["x", "a"], batch["given"], "ab")
    assert within(made, batch["x", "b"])
