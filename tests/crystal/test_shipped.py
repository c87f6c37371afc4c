"""The ready Perov-5 weights answer at once, and what they answer holds."""

import numpy as np
import pytest
import torch

from physgan.conditions import parse_target
from physgan.design.tiers import draw_tier
from physgan.run import Run
from physgan_crystal import CrystalDomain


@pytest.fixture(scope="module")
def run():
    return Run.open(CrystalDomain().shipped_run())


def test_every_raw_crystal_is_structurally_valid(run):
    samples = draw_tier(run, "raw", 200, seed=1)
    assert all(s is not None and run.domain.validity(s)["structure"] for s in samples)


def test_constrained_crystals_obey_the_charge_law_exactly(run):
    samples = draw_tier(run, "constrained", 200, seed=1)
    assert all(run.domain.filters(s)["smact"] for s in samples)


def test_what_is_asked_for_is_what_is_predicted(run):
    predictor = run.predictor()
    means = []
    for value in (0.5, 1.5, 2.5):
        target = parse_target(f"heat_ref={value}", run.schema.properties)
        x = run.sample(128, [target], seed=0)
        means.append(predictor.predict(x).mean[:, 0].mean().item())
        assert abs(means[-1] - value) < 0.25
    assert means == sorted(means)


def test_the_same_seed_draws_the_same_crystals(run):
    first, again = run.sample(16, seed=5), run.sample(16, seed=5)
    assert torch.equal(first["species"], again["species"])
    assert torch.equal(first["coord"], again["coord"])


def test_novelty_can_be_judged_without_the_data(run):
    keys = np.load(run.folder / "train_keys.npy")
    assert keys.dtype == np.uint64 and len(np.unique(keys)) > 5000
