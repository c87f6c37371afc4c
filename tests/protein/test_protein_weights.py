"""The ready weights of GB1 answer at once, and reach what is asked of them."""

import csv
import lzma
import os
from pathlib import Path

import numpy as np
import pytest

from physgan.cli.propose import open_run
from physgan.conditions import Target
from physgan.design import propose

DATA = os.environ.get("PHYSGAN_DATA")
LOG_MEAN, LOG_STD = -3.93328, 1.09697
"""Of log(fitness + 0.01) over the 134,425 rows of the file."""


@pytest.fixture(scope="module")
def run():
    return open_run("protein", None)


def drawn(run, fitness, n=2000, seed=0):
    return run.domain.decode(run.sample(n, [Target("fitness", "value", fitness, fitness)], seed))


def test_a_proposal_needs_no_data(run):
    found = propose(run, {"fitness": 3.0}, 5, oversample=64)
    assert len(found) == 5 and all(len(c.sample) == 4 for c in found)
    best = found.candidates[0].predicted["fitness"]
    assert best.low < best.value < best.high and best.value > 1.5
    assert all(c.novel for c in found)


def test_samples_are_various(run):
    assert len(set(drawn(run, 1.57, 4000))) > 0.68 * 4000


def test_predicted_fitness_follows_the_request(run):
    predictor, means = run.predictor(), []
    for fitness in (0.003, 0.05, 0.5, 1.5, 4.0):
        x = run.sample(400, [Target("fitness", "value", fitness, fitness)])
        means.append(float(predictor.predict(x).mean.mean()))
    assert np.all(np.diff(means) > 0)


@pytest.mark.skipif(DATA is None, reason="needs PHYSGAN_DATA")
def test_measured_fitness_reaches_the_request(run):
    with lzma.open(Path(DATA) / "protein" / "gb1_four_site.csv.xz", "rt") as file:
        table = {row["variant"]: float(row["fitness"]) for row in csv.DictReader(file)}
    fitness = float(np.exp(LOG_MEAN + 4 * LOG_STD) - 0.01)
    designs = set(drawn(run, fitness, 4000))
    known = np.array([table[s] for s in designs if s in table])
    z = (np.log(known + 0.01) - LOG_MEAN) / LOG_STD
    assert np.mean(known > 1) > 0.58
    assert np.abs(z - 4).mean() < 0.92
