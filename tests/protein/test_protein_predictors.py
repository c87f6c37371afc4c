"""An ensemble of several architectures on sequences, on a logarithmic scale."""

import csv
import itertools

import numpy as np
import pytest
import torch

from physgan.conditions import ConditionSchema
from physgan.predictors import PredictorOptions, fit_predictor, load_predictor, save_predictor
from physgan.predictors.fit import measure
from physgan_protein import ProteinDomain

OPTIONS = PredictorOptions(
    members=3,
    epochs=25,
    batch_size=64,
    learning_rate=1e-2,
    ema=0.9,
    hidden=32,
    backbone={"width": 32},
    variants=({"kind": "mlp"}, {"kind": "pairs"}),
)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    path = tmp_path_factory.mktemp("sites") / "sites.csv"
    random = np.random.default_rng(0)
    gain = {letter: 1.5 * (k - 2) for k, letter in enumerate("ACDKW")}
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["sequence", "fitness"])
        for s in itertools.product("ACDKW", repeat=4):
            noise = 0.1 * random.standard_normal()
            writer.writerow(["".join(s), max(0.0, np.exp(sum(map(gain.get, s)) / 2 + noise) - 0.1)])
    domain = ProteinDomain(log={"fitness": 0.1}, shares=(0.3, 0.2))
    data = {s: domain.load(path, s, ("fitness",)).batch for s in ("train", "val", "test")}
    schema = ConditionSchema(domain.properties, data["train"]["y"])
    torch.set_num_threads(1)
    return domain, data, fit_predictor(domain, schema, data["train"], data["val"], OPTIONS)


def test_the_members_are_of_several_architectures(fitted):
    kinds = [type(member.backbone).__name__ for member in fitted[2].members]
    assert kinds == ["Dense", "Pairs", "Dense"]


def test_decades_are_learned_on_their_logarithm(fitted):
    _, data, predictor = fitted
    said = predictor.predict(data["test"]["x"]).mean[:, 0]
    truth = data["test"]["y", "fitness"]
    error = ((said + 0.1).clamp(min=1e-6).log() - (truth + 0.1).log()).abs()
    assert float(error.median()) < 0.35
    assert truth.max() > 50 * truth.median()


def test_intervals_cover_where_values_span_decades(fitted):
    _, data, predictor = fitted
    figures = measure(predictor, data["test"])["properties"]["fitness"]
    assert 0.82 < figures["coverage"] < 0.98
    prediction = predictor.predict(data["test"]["x"])
    low, high = predictor.interval(prediction)
    assert bool((low <= prediction.mean).all() & (prediction.mean <= high).all())
    assert float(low.min()) > -0.1


def test_an_ensemble_of_several_architectures_is_stored(fitted, tmp_path):
    domain, data, predictor = fitted
    back = load_predictor(domain, save_predictor(predictor, tmp_path / "predictor"))
    mine, theirs = (p.predict(data["test"]["x"]) for p in (predictor, back))
    assert torch.allclose(mine.mean, theirs.mean) and torch.allclose(mine.spread, theirs.spread)
    for a, b in zip(predictor.interval(mine), back.interval(theirs), strict=True):
        assert torch.allclose(a, b)
